# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

# Completion of tasuki-ctl's command line for bash.
#
# The commands, and the names of what is in the database, come from tasuki-ctl
# itself.

# Runs tasuki-ctl on the database that the command line so far asks for.
_tasuki_ctl_run() {
    tasuki-ctl --no-syslog --timeout=1 $_tasuki_ctl_db "$@" 2>/dev/null
}

_tasuki_ctl_names() {
    _tasuki_ctl_run --bare --columns="$2" list "$1"
}

# Prints the names of the servers of service $1.
_tasuki_ctl_servers() {
    local uuid

    for uuid in $(_tasuki_ctl_run --bare get Service "$1" servers |
                  tr -d '[],'); do
        _tasuki_ctl_run --bare get Server "$uuid" name
    done
}

# Prints the UUIDs of the rules of service $1.
_tasuki_ctl_rules() {
    _tasuki_ctl_run --bare get Service "$1" rules | tr -d '[],'
}

# Prints "apps=" and what it has in $cur so far with one more application.
_tasuki_ctl_applications() {
    local app chosen=apps=

    if [[ $cur == apps=*,* ]]; then
        chosen=${cur%,*},
    fi
    for app in $(_tasuki_ctl_run list-applications); do
        if [[ ,${chosen#apps=} != *,$app,* ]]; then
            echo "$chosen$app"
        fi
    done
}

# Prints the options of all commands, as they stand before the command.
_tasuki_ctl_command_options() {
    _tasuki_ctl_run --commands | cut -d, -f1 | grep -o -e '--[a-z-]*=\?' |
        sort -u
}

# Prints what may be argument number $2 of command $1; the arguments before it
# follow.
_tasuki_ctl_arguments() {
    local command=$1 n=$2

    shift 2
    case $command,$n in
        set-connection,*)
            echo tcp: ssl: unix: ptcp: pssl: punix: ;;
        add-switch,1)
            ovs-vsctl --timeout=1 list-br 2>/dev/null ;;
        add-switch,*)
            echo $(_tasuki_ctl_applications) forward-mode=learning \
                forward-mode=normal ovsdb= ;;
        del-switch,1)
            _tasuki_ctl_names Switch datapath_id ;;
        add-service,[12])
            ;;
        add-service,*)
            echo mac= max-connections= inspect-bytes= inspect-timeout= \
                connect-timeout= idle-timeout= protocol=tcp inspection=http \
                mode=server-first ;;
        del-service,1 | add-server,1 | del-server,1 | set-default-server,1 | \
        add-rule,1 | del-rule,1)
            _tasuki_ctl_names Service name ;;
        add-server,2)
            ;;
        add-server,*)
            echo address= port= mac= ofport= weight= default=yes default=no ;;
        del-server,2 | set-default-server,2 | add-rule,2)
            _tasuki_ctl_servers "$1" ;;
        add-rule,*)
            echo priority= host= path= method= header: ;;
        del-rule,2)
            _tasuki_ctl_rules "$1" ;;
        add-tenant,1)
            ;;
        add-tenant,*)
            echo lan= lan=gre: lan=vxlan: service= native6= prefix= mtu= \
                $(_tasuki_ctl_names Switch datapath_id | sed 's/^./switch=&/') ;;
        del-tenant,1 | show-tenants,1)
            _tasuki_ctl_names Tenant name ;;
        add-mirror,1)
            ;;
        add-mirror,*)
            echo match= side=lan side=service to= to=vxlan: to=erspan: \
                to=file: start=copy start=inline start=stats threshold= \
                keep= keep-packets= chunked=skip chunked=whole else=whole \
                else=none events= file-size= file-time= file-count= \
                file-compress=gzip file-compress=none \
                $(_tasuki_ctl_names Tenant name | sed 's/^./tenant=&/') \
                $(_tasuki_ctl_names Switch datapath_id | sed 's/^./switch=&/') ;;
        del-mirror,1 | show-mirrors,1)
            _tasuki_ctl_names Mirror_Policy name ;;
        add-ipsec-group,1)
            ;;
        add-ipsec-group,*)
            echo match= n= to= to=pkt_mark[ to=vlan_vid[ to=eth_dst[ \
                to=ipv6_label[ base= port= priority= hash=symmetric_l4 \
                hash=l4 hash=l3 hash=cpu basis= map= rebalance=off \
                rebalance=idle rebalance=on buckets= rebalance-interval= \
                rebalance-moves= rebalance-skew= rebalance-idle= \
                $(_tasuki_ctl_names Switch datapath_id | sed 's/^./switch=&/') ;;
        del-ipsec-group,1 | show-ipsec-groups,1)
            _tasuki_ctl_names Ipsec_Group name ;;
        list,1 | find,1 | get,1 | set,1 | add,1 | remove,1 | clear,1 | \
        create,1 | destroy,1 | wait-until,1)
            echo Tasuki Switch Tenant Mirror_Policy Ipsec_Group Service Server Rule ;;
        list,2 | get,2 | set,2 | add,2 | remove,2 | clear,2 | destroy,2 | \
        wait-until,2)
            case $1 in
                Tasuki) echo . ;;
                Switch) _tasuki_ctl_names Switch datapath_id ;;
                Tenant | Mirror_Policy | Ipsec_Group | Service | Server)
                    _tasuki_ctl_names "$1" name ;;
                Rule) _tasuki_ctl_names Rule _uuid ;;
            esac ;;
    esac
}

_tasuki_ctl() {
    local cur word words command= args=() line=() i
    local _tasuki_ctl_db=

    # readline breaks words at "=" and ":", which is of no use here.
    read -ra line <<<"${COMP_LINE:0:COMP_POINT}"
    if [[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]]; then
        line+=("")
    fi
    cur=${line[-1]}

    # The command that the cursor is in, and its arguments.
    for ((i = 1; i < ${#line[@]} - 1; i++)); do
        word=${line[i]}
        if [[ $word == --db=* ]]; then
            _tasuki_ctl_db=$word
        elif [[ $word == -- ]]; then
            command= args=()
        elif [[ -z $command && $word != -* ]]; then
            command=$word
        elif [[ -n $command ]]; then
            args+=("$word")
        fi
    done

    if [[ -n $command ]]; then
        words=$(_tasuki_ctl_arguments "$command" $((${#args[@]} + 1)) \
            "${args[@]}")
        words+=" --"
    elif [[ $cur == -* ]]; then
        words=$(_tasuki_ctl_run --options | grep -e '^--' | sed 's/=.*/=/')
        words+=" $(_tasuki_ctl_command_options)"
    else
        words=$(_tasuki_ctl_run --commands | cut -d, -f2)
    fi

    COMPREPLY=($(compgen -W "$words" -- "$cur"))
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=:] ]]; then
        compopt -o nospace 2>/dev/null
    fi

    # What is before the last break is not part of the word for readline.
    if [[ $cur == *[=:]* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*[=:]}"}"}")
    fi
}

complete -F _tasuki_ctl tasuki-ctl
