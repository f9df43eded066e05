#!/usr/bin/env python3
"""Compiles the kernels, which needs no card and no toolkit: with NVRTC 12.4 to PTX, which a driver makes code of for any card,
and with ptxas 12.4 to the code of two generations of cards, for which the driver then has nothing to do.

From PyPI: nvidia-cuda-nvrtc-cu12==12.4.127 nvidia-cuda-nvcc-cu12==12.4.131. The same sources give the same bytes.
Usage: compile.py [--write]; without --write, compares with what is committed.
"""
import ctypes, glob, gzip, os, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
KERNELS = os.path.join(HERE, "kernels")
COMPILED = os.path.join(HERE, "compiled")
VERSION = (12, 4)
# The code of 8.0 runs on all of 8.x, and that of 9.0 on all of 9.x.
ARCHITECTURES = ["sm_80", "sm_90"]


def found(*path):
    for place in sys.path:
        for name in glob.glob(os.path.join(place, "nvidia", *path)):
            return name
    sys.exit(f"there is no {path[-1]}: pip install nvidia-cuda-nvrtc-cu12==12.4.127 nvidia-cuda-nvcc-cu12==12.4.131")


def compile_ptx():
    lib = ctypes.CDLL(found("cuda_nvrtc", "lib", "libnvrtc.so.12"))
    major, minor = ctypes.c_int(), ctypes.c_int()
    lib.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    if (major.value, minor.value) != VERSION:
        sys.exit(f"NVRTC is {major.value}.{minor.value}, not {VERSION}: another compiler writes other PTX")
    program = ctypes.c_void_p()
    source = open(os.path.join(KERNELS, "elbo.cu"), "rb").read()
    assert lib.nvrtcCreateProgram(ctypes.byref(program), source, b"elbo.cu", 0, None, None) == 0
    options = [
        b"--gpu-architecture=compute_80", b"--std=c++17", b"--fmad=true", b"-default-device", b"-I" + KERNELS.encode()
    ]
    result = lib.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    size = ctypes.c_size_t()
    lib.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    lib.nvrtcGetProgramLog(program, log)
    if log.value:
        print(log.value.decode(), file=sys.stderr)
    if result != 0:
        sys.exit("the kernels do not compile")
    lib.nvrtcGetPTXSize(program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    lib.nvrtcGetPTX(program, ptx)
    return ptx.value


def compile_code(ptx, architecture):
    ptxas = found("cuda_nvcc", "bin", "ptxas")
    with tempfile.TemporaryDirectory() as scratch:
        source, code = os.path.join(scratch, "elbo.ptx"), os.path.join(scratch, "elbo.cubin")
        open(source, "wb").write(ptx)
        subprocess.run([ptxas, "--gpu-name", architecture, "-o", code, source], check=True)
        return open(code, "rb").read()


def main():
    ptx = compile_ptx()
    files = {"elbo.ptx": ptx} | {f"{name}.cubin": compile_code(ptx, name) for name in ARCHITECTURES}
    for name, contents in files.items():
        path = os.path.join(COMPILED, name + ".gz")
        if "--write" in sys.argv[1:]:
            open(path, "wb").write(gzip.compress(contents, 9, mtime=0))
        elif gzip.decompress(open(path, "rb").read()) != contents:
            sys.exit(f"{path} is not what the kernels compile to: crates/elbo-cuda/compile.py --write")


main()
