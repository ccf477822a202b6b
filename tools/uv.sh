#!/bin/sh
# uv of an environment, with pip's settings for a package index: tools/uv.sh .venv/bin pip install …
# uv reads none of pip's settings by itself. Its own variables take precedence.
set -eu
bin=$1
shift

pass_on() { # uv's variable, pip's variable, pip's key
    eval "[ -z \"\${$1:-}\" ]" || return 0
    value=$(printenv "$2") || value=$("$bin/python" -m pip config get "global.$3" 2>/dev/null) || value=
    value=$(printf '%s' "$value" | tr -s '\n' ' ')
    [ -z "$value" ] || export "$1=$value"
}

pass_on UV_DEFAULT_INDEX PIP_INDEX_URL index-url
pass_on UV_INDEX PIP_EXTRA_INDEX_URL extra-index-url
pass_on UV_INSECURE_HOST PIP_TRUSTED_HOST trusted-host
# As pip does, take a pinned version from the index that has it, not from the first that knows the package.
[ -z "${UV_INDEX:-}" ] || export UV_INDEX_STRATEGY="${UV_INDEX_STRATEGY:-unsafe-best-match}"
exec "$bin/uv" "$@"
