/**
 * One short script a shell. Each asks `slipway complete` what may stand at the cursor and shows the answer: a line
 * `word<TAB>description` for each candidate, or `:files`.
 */

// Bash cuts words at characters such as @ : = as well as at blanks; the words are taken from the line itself, and what bash
// would not replace is cut off from the candidates again.
const bash = `_slipway() {
  local line="\${COMP_LINE:0:COMP_POINT}" own="\${COMP_WORDS[COMP_CWORD]}" word what
  local -a words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  [[ $own == [@:=] ]] && own=""
  local last="\${words[\${#words[@]}-1]}"
  local cut="\${last%"$own"}"
  COMPREPLY=()
  while IFS=$'\\t' read -r word what; do
    if [[ $word == :files ]]; then
      compopt -o filenames
      COMPREPLY=($(compgen -f -- "$own"))
      return
    fi
    COMPREPLY+=("\${word#"$cut"}")
  done < <("\${words[0]}" complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _slipway slipway
`;

const zsh = `#compdef slipway
_slipway() {
  local line
  local -a candidates
  for line in "\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ $line == :files ]] && { _files; return }
    [[ -n $line ]] && candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe 'slipway' candidates
}
if [[ "\${funcstack[1]}" == _slipway ]]; then
  _slipway "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _slipway slipway
fi
`;

const fish = `function __slipway_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in ($words[1] complete -- $words[2..-1] 2>/dev/null)
    if test "$line" = :files
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c slipway -f -a '(__slipway_complete)'
`;

export const completionScripts: Readonly<Record<'bash' | 'zsh' | 'fish', string>> = { bash, zsh, fish };
