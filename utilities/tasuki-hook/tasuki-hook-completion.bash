# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

# Completion of tasuki-hook's command line for bash: its options, then a
# command and that command's own completion, as far as there is one.

_tasuki_hook_options() {
    # [=ARG] is an option's optional argument, =ARG a required one.
    tasuki-hook --help 2>/dev/null |
        grep -oE -e '--[a-z][a-z-]*(\[?=)?' | sed 's/\[=$//' | sort -u
}

_tasuki_hook() {
    local line=() cur option value n i

    # readline breaks words at "=" and ":", which is of no use here.
    read -ra line <<<"${COMP_LINE:0:COMP_POINT}"
    if [[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]]; then
        line+=("")
    fi
    n=$((${#line[@]} - 1))
    cur=${line[n]}

    # Where the command is.
    for ((i = 1; i < n; i++)); do
        if [[ ${line[i]} != -* || ${line[i - 1]} == -- ]]; then
            break
        fi
    done

    if ((i < n)); then
        if declare -F _command_offset >/dev/null; then
            _command_offset "$i"
        else
            COMPREPLY=($(compgen -f -- "$cur"))
        fi
        return
    elif [[ $cur != -* || ${line[n - 1]} == -- ]]; then
        COMPREPLY=($(compgen -c -- "$cur"))
        return
    elif [[ $cur != *=* ]]; then
        COMPREPLY=($(compgen -W "$(_tasuki_hook_options)" -- "$cur"))
    else
        option=${cur%%=*}= value=${cur#*=}
        case $option in
            --retries=) COMPREPLY=(forever) ;;
            --timeout=) COMPREPLY=(none) ;;
            --db=) COMPREPLY=(unix: tcp: ssl:) ;;
            *) COMPREPLY=($(compgen -f -- "$value")) ;;
        esac
        COMPREPLY=($(compgen -W "${COMPREPLY[*]}" -P "$option" -- "$value"))
    fi
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=:] ]]; then
        compopt -o nospace 2>/dev/null
    fi

    # What is before the last break is not part of the word for readline.
    if [[ $cur == *[=:]* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*[=:]}"}"}")
    fi
}

complete -F _tasuki_hook tasuki-hook
