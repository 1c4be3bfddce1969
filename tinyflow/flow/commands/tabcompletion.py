"""`doit tabcompletion`: a script for the shell, instead of doit's own, which loads all tasks at every press of Tab."""

from __future__ import annotations

import sys
from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.flow.command_list import COMMANDS
from tinyflow.flow.commands.command import OwnCommand, option

# Bash ends words at a colon: what is before the last one is already there and must not come again.
_BASH = """\
_tinyflow() {{
  local line=${{COMP_LINE:0:COMP_POINT}} words word reply
  read -ra words <<< "$line"
  [[ $line == *' ' ]] && words+=('')
  word=${{words[-1]}}
  if (( ${{#words[@]}} == 2 )); then reply=$(compgen -W '{commands}' -- "$word"; {ask} "$word")
  else reply=$({ask} "${{words[@]:1}}"); fi
  COMPREPLY=()
  [[ -z $reply ]] && return 0
  mapfile -t COMPREPLY <<< "$reply"
  local before=${{word%"${{word##*:}}"}}
  COMPREPLY=("${{COMPREPLY[@]#"$before"}}")
  [[ ${{COMPREPLY[0]}} == *[:./-] ]] && compopt -o nospace 2>/dev/null
  return 0
}}
complete -o default -F _tinyflow tinyflow doit
"""
_ZSH = """\
_tinyflow() {{
  local -a found
  (( CURRENT == 2 )) && compadd -- {commands}
  found=("${{(@f)$({ask} "${{(@)words[2,CURRENT]}}")}}")
  compadd -S '' -- $found
}}
compdef _tinyflow tinyflow doit
"""
_FISH = """\
function __tinyflow
  set -l words (commandline -opc) (commandline -ct)
  test (count $words) -eq 2; and string split ' ' '{commands}'
  {ask} $words[2..-1]
end
complete -c tinyflow -c doit -f -a '(__tinyflow)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


class Tabcompletion(OwnCommand):
    """Prints the script."""

    doc_purpose = "print a completion script for bash, zsh or fish"
    doc_description = 'For ~/.bashrc.\nExample: eval "$(tinyflow tabcompletion)"'
    cmd_options = (option("shell", "for which shell [default: bash]", "bash", short="s", choices=_SCRIPTS),)

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print it with the commands and the interpreter that are known now."""
        if args:
            hint = f"for example {self.bin_name} tabcompletion --shell zsh"
            raise UsageError(f'tabcompletion takes no "{args[0]}"', hint=hint)
        ask = f"{sys.executable} -m tinyflow.flow.completion"
        print(_SCRIPTS[params["shell"]].format(commands=" ".join(COMMANDS), ask=ask), end="")
        return 0
