#!/usr/bin/env bash
# What can be known of the kernels without a card: that the PTX is theirs, that it compiles for the cards of each generation
# and keeps its numbers in registers, and that the kernels, run on the host by a driver that stands in for NVIDIA's, make the
# gradients that are defined; then, that everything that may go wrong with a card ends with a word about it.
#
# Takes NVIDIA's compilers and headers from PyPI into ELBO_CUDA_VENV, by default outside the checkout. Exits with 75 where
# they, Python or g++ cannot be had.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=crates/elbo-cuda
venv=${ELBO_CUDA_VENV:-${TMPDIR:-/tmp}/elbo-cuda-venv}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

left_out() { echo "left out: $*"; exit 75; }
fail() { echo "$*" >&2; exit 1; }

command -v g++ >/dev/null || left_out "there is no g++"
packages=(nvidia-cuda-nvrtc-cu12==12.4.127 nvidia-cuda-runtime-cu12==12.4.127 nvidia-cuda-nvcc-cu12==12.4.131
    nvidia-cuda-nvcc==13.5.37)
nvidia() { "$venv/bin/python" -c 'import nvidia; print(nvidia.__path__[0])' 2>/dev/null; }
has_all() {
    local all=(cuda_nvrtc/lib/libnvrtc.so.12 cuda_runtime/include/cuda.h cuda_nvcc/bin/ptxas cu13/bin/ptxas) file
    for file in "${all[@]}"; do test -e "$(nvidia)/$file" || return 1; done
}
if ! has_all; then
    python3 -m venv "$venv" >"$scratch/log" 2>&1 || left_out "python3 makes no environment: $(tail -n 1 "$scratch/log")"
    timeout 300 "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" >"$scratch/log" 2>&1 ||
        left_out "pip cannot have NVIDIA's compilers: $(tail -n 1 "$scratch/log")"
    has_all || fail "$venv lacks what ${packages[*]} should bring"
fi
nvidia=$(nvidia)

echo "what the program carries is what the kernels compile to"
"$venv/bin/python" $here/compile.py
gunzip -c $here/compiled/elbo.ptx.gz >"$scratch/elbo.ptx"

# The compiler of 12.4 knows the first four architectures; a newer one says what a driver makes of the PTX for others. Where a
# kernel has too few registers, numbers spill to memory: of those that are held to so many that two blocks fit, what is used
# outside the loop that multiplies.
for architecture in sm_80 sm_86 sm_89 sm_90 sm_100 sm_120; do
    case $architecture in sm_1*) ptxas=cu13 ;; *) ptxas=cuda_nvcc ;; esac
    "$nvidia/$ptxas/bin/ptxas" -v --gpu-name $architecture -o "$scratch/cubin" "$scratch/elbo.ptx" 2>"$scratch/ptxas" ||
        fail "$(cat "$scratch/ptxas")"
    kernels=$(grep -c "Compiling entry function" "$scratch/ptxas")
    spills=$(grep -B 1 "bytes spill stores" "$scratch/ptxas" | grep -B 1 "[1-9][0-9]* bytes spill" |
        sed -n "s/.*Function properties for //p" | grep -vE "^(resident_tf32|narrow_gradients)_" | tr "\n" " " || true)
    echo "$architecture: $kernels kernels"
    case $architecture in sm_80 | sm_90) test -z "$spills" || fail "these spill: $spills" ;; esac
done

echo "the stand-in"
build() {
    local directory=$1
    shift
    mkdir "$directory"
    g++ "$@" -std=c++20 -shared -fPIC -Wall -Wextra -Wno-unknown-pragmas -I"$nvidia/cuda_runtime/include" -I$here/kernels \
        $here/kernels/driver.cpp -o "$directory/libcuda.so.1"
}
build "$scratch/driver" -O2
cargo build --locked --quiet --package elbo-bench --bin card
card=${CARGO_TARGET_DIR:-target}/debug/card
stand_in() { env LD_LIBRARY_PATH="$scratch/driver" "$@"; }

echo "against the definition in f64"
stand_in "$card" --images "${IMAGES:-1}" check

echo "the same bits in whatever order threads run"
for schedule in 0 1 2 3; do
    stand_in ELBO_FAKE_SCHEDULE=$schedule "$card" bits >"$scratch/bits$schedule"
    cmp "$scratch/bits0" "$scratch/bits$schedule" || fail "a barrier is missing: schedule $schedule makes other bits"
done
cat "$scratch/bits0"
for other in ELBO_FAKE_BLOCK=101376 ELBO_FAKE_CAPABILITY=12; do
    stand_in $other "$card" bits | cmp "$scratch/bits0"
done

echo "within their memory"
sanitizers=
for library in libasan.so libubsan.so; do
    found=$(g++ -print-file-name=$library)
    [[ $found == /* ]] && sanitizers+=" $found"
done
if [[ $sanitizers == *asan*ubsan* ]]; then
    build "$scratch/sanitized" -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=undefined
    # What the driver's users do not free is no matter here, and threads that are fibers have no stack that is known.
    env LD_LIBRARY_PATH="$scratch/sanitized" LD_PRELOAD="$sanitizers" ASAN_OPTIONS=detect_leaks=0 "$card" bits \
        >"$scratch/bits" 2>"$scratch/err" || fail "$(head -n 40 "$scratch/err")"
    cmp "$scratch/bits0" "$scratch/bits"
else
    echo "left out: g++ has no sanitizers"
fi

# Ends with status 1 and a message that holds this.
ends_with() {
    local words=$1 status=0
    shift
    "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
    if [[ $status != 1 ]] || ! grep -qF "$words" "$scratch/err" || grep -q panicked "$scratch/err"; then
        fail "$* ends with status $status, not 1 and '$words': $(cat "$scratch/err")"
    fi
    cat "$scratch/err"
}
# Succeeds, and says this.
says() {
    local words=$1
    shift
    "$@" >"$scratch/out" 2>"$scratch/err" || fail "$* failed: $(cat "$scratch/err")"
    cat "$scratch/out" "$scratch/err" | grep -F "$words" || fail "$* does not say '$words': $(cat "$scratch/out" "$scratch/err")"
}
echo "what may go wrong"
ends_with "MiB of the card's memory are needed" stand_in ELBO_FAKE_MEMORY=100000 "$card" bits
ends_with "has compute capability 7.0" stand_in ELBO_FAKE_CAPABILITY=7 "$card" bits
ends_with "there is no such card: the driver shows 0" stand_in ELBO_FAKE_CARDS=0 "$card" bits
ends_with "Stand-in (f32) failed: " stand_in ELBO_FAKE_LOST=50 "$card" bits
if ! ldconfig -p 2>/dev/null | grep -q 'libcuda\.so'; then
    ends_with "NVIDIA's driver is not installed" env -u LD_LIBRARY_PATH "$card" bits
fi

echo "the command"
cargo build --locked --quiet --package elbo-cli
elbo=$(realpath "${CARGO_TARGET_DIR:-target}")/debug/elbo
python3 - "$scratch/images.npy" <<'PYTHON'
import struct, sys
header = "{'descr': '|u1', 'fortran_order': False, 'shape': (60, 9, 8), }".ljust(117) + "\n"
pixels = bytes((37 * i * i // 11 + i % 72) % 256 for i in range(60 * 72))
open(sys.argv[1], "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + pixels)
PYTHON
train=("$elbo" train images.npy --widths 4,6 --latent-dim 3 --batch-size 18)
cd "$scratch"
says "auto    cuda:0" stand_in "$elbo" devices
says "auto    cpu" stand_in ELBO_FAKE_CAPABILITY=7 "$elbo" devices
says "device auto is cuda:0: Stand-in (f32)" stand_in "${train[@]}" --epochs 2 --out whole
says "device auto is cpu: cuda:0: Stand-in has compute capability 7.0" stand_in ELBO_FAKE_CAPABILITY=7 "${train[@]}" --epochs 1 --out old
# A run that was stopped goes on to the same bits, and on the processor with a word about them.
says "1 epochs" stand_in "${train[@]}" --epochs 1 --schedule constant --out parts
says "2 epochs" stand_in "${train[@]}" --epochs 2 --schedule constant --out constant
says "2 epochs" stand_in "$elbo" train --resume parts --epochs 2
cmp parts/model.safetensors constant/model.safetensors
says "so far it was trained on NVIDIA sm_90, f32, now it is on" stand_in "$elbo" train --resume parts --epochs 3 --device cpu
says "now it is on NVIDIA sm_90, tf32" stand_in "$elbo" train --resume parts --epochs 4 --device cuda --precision tf32
for command in "generate parts" "reconstruct parts" "evaluate parts --json" "figures parts"; do
    says "device auto is cuda:0" stand_in "$elbo" $command
done
# What is lost with the card is what came after the last checkpoint; if only memory is short, nothing is.
ends_with "the run is saved as it was after " stand_in ELBO_FAKE_LOST=150 "${train[@]}" --epochs 5 --out lost --device cuda
says "5 epochs" stand_in "$elbo" train --resume lost
ends_with "has too little memory" stand_in ELBO_FAKE_MEMORY=100000 "${train[@]}" --epochs 1 --out none --device cuda
test ! -e none
train=("$elbo" train images.npy --widths 4,6 --latent-dim 3 --batch-size 54 --epochs 1 --device cuda)
ends_with "the model is saved, its figures are not drawn" stand_in ELBO_FAKE_LOST=72 "${train[@]}" --out undrawn
says "undrawn/figures/samples.png" "$elbo" figures undrawn --device cpu
# A library that is no driver of NVIDIA's is none.
mkdir empty && echo "int nothing;" | g++ -x c++ -shared -fPIC - -o empty/libcuda.so.1
says "auto    cpu: NVIDIA's driver is too old: its library has no " env LD_LIBRARY_PATH=empty "$elbo" devices
ends_with "its library has no " env LD_LIBRARY_PATH=empty "$elbo" evaluate whole --device cuda
