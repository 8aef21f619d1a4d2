#!/usr/bin/env bash
# Executes the steps of deploy/Dockerfile in a folder, for machines that cannot build containers, and tries what comes out:
# it starts as the file's user, refuses to run without a key, answers with one, cannot write to its own folder, and ends with 0 on SIGTERM.
# It proves the steps, not the base images: those are this machine's SDK and runtime.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
port=${1:-18099}
root=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null || true; rm -rf "$root"' EXIT
chmod 755 "$root"
say() { printf '== %s\n' "$*"; }

# --- the file, line by line; a stage is a folder ---
stage=$root/none workdir=/ user=0 entry='' environment=()
while read -r word rest; do
    case $word in
        FROM)
            stage=$root/${rest##* AS }
            [[ $rest == *' AS '* ]] || stage=$root/final
            mkdir -p "$stage"
            environment=()
            say "FROM $rest: not fetched, the SDK and runtime of this machine stand in" ;;
        WORKDIR) workdir=$rest; mkdir -p "$stage$workdir" ;;
        COPY)
            say "COPY $rest"
            if [[ $rest == --from=* ]]; then
                read -r from path _ <<<"$rest"
                cp -r "$root/${from#--from=}$path/." "$stage$workdir"
            else
                git ls-files -z | grep -zvE '^(tests|bench)/' | tar --null -T - -c | tar -x -C "$stage$workdir"
            fi ;;
        RUN)
            # What the step writes to / is written into the stage.
            say "RUN $rest"
            (cd "$stage$workdir" && bash -euc "${rest// -o \// -o $stage/}") ;;
        ENV) read -ra pairs <<<"$rest"; environment+=("${pairs[@]}") ;;
        ARG|EXPOSE) ;;
        USER) user=$rest ;;
        ENTRYPOINT) entry=$(sed -E 's/[]["]//g; s/,//g' <<<"$rest") ;;
        ''|'#'*) ;;
        *) echo "This script does not know the step $word."; exit 1 ;;
    esac
done < deploy/Dockerfile

# --- what came out ---
read -ra command <<<"$entry"
command[0]=$stage${command[0]}
environment+=("GuardSharp__Urls=http://+:$port")
start() { exec env -i HOME=/nonexistent PATH=/usr/bin:/bin DOTNET_ROOT="$(dirname "$(readlink -f "$(command -v dotnet)")")" "${environment[@]}" "$@" setpriv --reuid="$user" --regid="$user" --clear-groups -- "${command[@]}"; }

say "as user $user, without a key"
code=0
(start) || code=$?
[[ $code == 2 ]] || { echo "It must refuse to start, with 2, but ended with $code."; exit 1; }

key=$("${command[0]}" serve key drill 2>/dev/null | sed -E 's/.*"key":"([^"]+)".*/\1/')
say "as user $user, with a key"
(start GuardSharp__Keys__drill__Sha256="$(printf %s "$key" | sha256sum | cut -d' ' -f1)") &
server=$!
for _ in $(seq 300); do curl -sf -o /dev/null "http://127.0.0.1:$port/health/ready" && break; sleep 0.1; done
body='{"messages":[{"role":"user","content":"How do I bake bread?"}]}'
ask() { curl -s -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' "$@" -d "$body" "http://127.0.0.1:$port/v1/guard/classify"; }
[[ $(ask) == 401 ]] && say 'a request without the key: 401'
[[ $(ask -H "Authorization: Bearer $key") == 200 ]] && say 'a request with the key: 200'
setpriv --reuid="$user" --regid="$user" --clear-groups -- test ! -w "$stage/app" && say 'its own folder cannot be written by its user'
kill -TERM "$server"
code=0
wait "$server" || code=$?
server=
[[ $code == 0 ]] && say 'SIGTERM: ended with 0'
du -sh "$stage/app" | awk '{ print "== size of /app: " $1 }'
say 'Every step was executed in a folder. No container was built.'
