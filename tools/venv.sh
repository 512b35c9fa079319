#!/bin/sh
# Makes a virtual environment with a Python that netspec runs on: `sh tools/venv.sh FOLDER [PYTHON]`.
# Without PYTHON it takes the first that fits of those below. A folder that it began itself is made anew; one that
# somebody else made is used as it is, or refused. Exit code 2 and one sentence on stderr where there is no way.
set -u
folder=$1
wanted=${2:-}
mark=$folder/.netspec/made
need="CPython 3.11, 3.12 or 3.13 (64 bits)"

refuse() {
    printf 'make: %s\n' "$1" >&2
    exit 2
}

# Prints «fits», «venv VERSION» where the module that makes environments is missing, «other VERSION» for a Python that
# does not fit, and nothing for what does not run (a version manager's stand-in for a version that is not installed).
verdict() {
    "$1" -c '
import sys
version = ".".join(map(str, sys.version_info[:3]))
if sys.implementation.name != "cpython" or not (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.maxsize < 2**32:
    print("other", sys.implementation.name, version)
else:
    try:
        import ensurepip, venv
        print("fits")
    except ImportError:
        print("venv", "%d.%d" % sys.version_info[:2])
' </dev/null 2>/dev/null
}

if [ -e "$folder" ] && [ ! -e "$mark" ]; then
    [ "$(verdict "$folder/bin/python")" = fits ] && "$folder/bin/python" -m pip --version >/dev/null 2>&1 ||
        refuse "\`$folder\` was not made by make and is no environment of $need with pip: move it away"
    mkdir -p "${mark%/*}"
    exit
fi

python=
seen=
bare=
if [ -n "$wanted" ]; then set -- "$wanted"; else set -- python3.13 python3.12 python3.11 python3 python; fi
for candidate; do
    answer=$(verdict "$candidate")
    case $answer in
    fits) python=$candidate && break ;;
    venv*) bare=${bare:-${answer#venv }} ;;
    other*) seen=${seen:-"$candidate is ${answer#other }"} ;;
    esac
done
if [ -z "$python" ]; then
    [ -z "$bare" ] || refuse "Python $bare is here without its module for environments: install the package \`python$bare-venv\`"
    [ -z "$wanted" ] || refuse "netspec needs $need, and PYTHON=$wanted is not one${seen:+ ($seen)}"
    refuse "netspec needs $need, and none is on the PATH${seen:+ ($seen)}: install one, or say where it is with PYTHON=…"
fi

rm -rf "$folder" && mkdir -p "${mark%/*}" && : >"$mark" && "$python" -m venv "$folder" || refuse "could not make \`$folder\` with $python"
printf 'made %s with %s\n' "$folder" "$("$folder/bin/python" --version)"
