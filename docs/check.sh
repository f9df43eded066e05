#!/usr/bin/env bash
# Runs the commands of the guide, in the order of its chapters, on small data of the same form:
#
#     docs/check.sh target/release/elbo
#
# In a block fenced as ```console each line that begins with "$ " is run and must succeed. In one fenced as
# ```console,fails it must end with exit code 1, and all else in the block must be what it prints, word for word; the
# directory in which everything is run is called /home/me. A block fenced as ```toml,NAME.toml is what that file holds from then on.
set -euo pipefail
elbo=$(realpath "$1")
guide=$(realpath "$(dirname "$0")/src")
scratch=$(realpath "$(mktemp -d)")
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/bin" "$scratch/me"
ln -s "$elbo" "$scratch/bin/elbo"
export PATH="$scratch/bin:$PATH"
cd "$scratch/me"

# The escape by which printf writes each number as a byte.
escapes() { printf '\\x%02x' "$@"; }

# A text, so many times.
repeat() {
    local spaces
    printf -v spaces '%*s' "$2" ''
    printf '%s' "${spaces// /$1}"
}

# A BMP picture of 64 x 64 pixels: two upright bars whose colours and widths follow from a number.
picture() {
    local width=$(($1 * 5 % 48 + 8)) left right row
    left=$(escapes $(($1 * 37 % 256)) $(($1 * 91 % 256)) $(($1 * 11 % 256)))
    right=$(escapes $(($1 * 53 % 256)) $(($1 * 7 % 256)) 255)
    row=$(repeat "$left" "$width")$(repeat "$right" $((64 - width)))
    printf "BM$(escapes 54 48 0 0 0 0 0 0 54 0 0 0 40 0 0 0 64 0 0 0 64 0 0 0 1 0 24 0)$(repeat '\x00' 24)"
    printf "$(repeat "$row" 64)"
}

# The data of the guide, small: pictures in nine classes, and an array of 64 images of 8 x 8.
number=0
for class in activities animals flags food objects people smileys symbols travel; do
    mkdir -p "emoji/$class"
    for _ in 1 2 3 4 5 6; do
        number=$((number + 1))
        picture "$number" >"emoji/$class/$number.bmp"
    done
done
header="{'descr': '|u1', 'fortran_order': False, 'shape': (64, 8, 8), }"
{
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "$header"
    for number in {1..64}; do
        printf "$(repeat "$(escapes $((number * 3)))" $((number % 56 + 4)))$(repeat '\xf0' $((60 - number % 56)))"
    done
} >digits.npy

ran=0
fail() {
    printf '%s: $ %s\n%s\n' "$chapter" "$command" "$1" >&2
    sed 's/^/    /' "$scratch/printed" >&2
    exit 1
}

# Ends a block that is to fail: what it shows must be what was printed.
compare() {
    diff <(printf '%s' "$shown") <(sed "s|$scratch/me|/home/me|g" "$scratch/printed") >&2 || fail 'prints something else'
}

for chapter in $(sed -n 's/.*](\(.*\.md\)).*/\1/p' "$guide/SUMMARY.md"); do
    block=
    while IFS= read -r line; do
        case $block:$line in
        :'```console') block=succeeds ;;
        :'```console,fails') block=fails shown= command= ;;
        :'```toml,'*)
            block=file file=${line##*,}
            : >"$file"
            ;;
        :'```'*) block=other ;;
        :*) ;;
        fails:'```') compare; block= ;;
        *:'```') block= ;;
        other:*) ;;
        file:*) printf '%s\n' "$line" >>"$file" ;;
        *:'$ '*)
            command=${line#'$ '}
            if [[ $block == fails && -n $shown ]]; then compare; fi
            shown=
            code=0
            bash -c "$command" >"$scratch/printed" 2>&1 </dev/null || code=$?
            ran=$((ran + 1))
            if [[ $block == succeeds && $code != 0 ]]; then fail "ends with exit code $code"; fi
            if [[ $block == fails && $code != 1 ]]; then fail "ends with exit code $code instead of 1"; fi
            ;;
        fails:*) shown+=$line$'\n' ;;
        esac
    done <"$guide/$chapter"
    if [[ -n $block ]]; then
        echo "$chapter: a block does not end" >&2
        exit 1
    fi
done
if [[ $ran == 0 ]]; then
    echo "no commands found in $guide" >&2
    exit 1
fi
echo "the $ran commands of the guide do what it says"
