# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

# Completion of tasuki-ipsec's command line for bash: its options, a command,
# interfaces, and files.

_tasuki_ipsec_options() {
    # [=ARG] is an option's optional argument, =ARG a required one.
    tasuki-ipsec --help 2>/dev/null |
        grep -oE -e '--[a-z][a-z-]*(\[?=)?' | sed 's/\[=$//' | sort -u
}

_tasuki_ipsec_commands() {
    tasuki-ipsec --help 2>/dev/null |
        sed -n '/^Commands/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' | sort -u
}

_tasuki_ipsec() {
    local line=() cur option command words=0 n i

    # readline breaks words at "=" and ":", which is of no use here.
    read -ra line <<<"${COMP_LINE:0:COMP_POINT}"
    if [[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]]; then
        line+=("")
    fi
    n=$((${#line[@]} - 1))
    cur=${line[n]}
    for ((i = 1; i < n; i++)); do
        if [[ ${line[i]} != -* ]]; then
            words=$((words + 1))
            command=${command:-${line[i]}}
        fi
    done

    if [[ $cur != -* ]]; then
        if [[ $words == 1 && $command == steer ]]; then
            COMPREPLY=($(compgen -W "$(ls /sys/class/net 2>/dev/null)" \
                                 -- "$cur"))
        elif ((words)); then
            COMPREPLY=($(compgen -f -- "$cur"))
        else
            COMPREPLY=($(compgen -W "$(_tasuki_ipsec_commands)" -- "$cur"))
        fi
    elif [[ $cur != *=* ]]; then
        COMPREPLY=($(compgen -W "$(_tasuki_ipsec_options)" -- "$cur"))
    else
        option=${cur%%=*}=
        case $option in
            --side=) COMPREPLY=($(compgen -W "a b" -P "$option" \
                                          -- "${cur#*=}")) ;;
            --format=) COMPREPLY=($(compgen -W "text json" -P "$option" \
                                            -- "${cur#*=}")) ;;
            *) COMPREPLY=($(compgen -f -P "$option" -- "${cur#*=}")) ;;
        esac
    fi
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=:] ]]; then
        compopt -o nospace 2>/dev/null
    fi

    # What is before the last break is not part of the word for readline.
    if [[ $cur == *[=:]* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*[=:]}"}"}")
    fi
}

complete -F _tasuki_ipsec tasuki-ipsec
