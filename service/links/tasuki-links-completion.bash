# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

# Completion of tasuki-links for bash: its options, and programs to run.

_tasuki_links() {
    local word=${COMP_WORDS[COMP_CWORD]}

    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "--help --version" -- "$word"))
    else
        COMPREPLY=($(compgen -c -- "$word"))
    fi
}
complete -o default -F _tasuki_links tasuki-links
