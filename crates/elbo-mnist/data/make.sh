#!/bin/sh
# Makes the four .br files beside this script from the four gzip files of the original distribution:
#
#     sh make.sh DIR
#
# DIR holds train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and
# t10k-labels-idx1-ubyte.gz. Needs gzip, sha256sum and brotli (https://github.com/google/brotli); takes a few minutes.
#
# A .br file is the IDX payload (all that follows the header: 16 bytes for images, 8 for labels) as one Brotli
# stream. The payloads are checked against the digests that the crate's test uses before anything is written.
set -eu

if [ $# -ne 1 ]; then
    echo "usage: $0 DIR" >&2
    exit 2
fi
source=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make_one() { # name, bytes of header, SHA-256 of the payload, name of the result
    gzip -dc "$source/$1.gz" > "$work/idx"
    tail -c "+$(($2 + 1))" "$work/idx" > "$work/payload"
    echo "$3  $work/payload" | sha256sum --check --quiet
    brotli --quality=11 --lgwin=24 --force --output="$here/$4" "$work/payload"
}

make_one train-images-idx3-ubyte 16 741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757 train-images.br
make_one train-labels-idx1-ubyte 8 1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13 train-labels.br
make_one t10k-images-idx3-ubyte 16 6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161 test-images.br
make_one t10k-labels-idx1-ubyte 8 ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5 test-labels.br
