"""Times one training step of the VAE in elbo and in the frameworks, alternating, and prints a markdown table.

    python run.py                                # batch 512, 2 threads, all peers
    python run.py --batch 64 --steps 32 --peers elbo,tf-xla
    python run.py --shape 64x64x3                # a larger network, on generated images
    python run.py --task decode                  # latent vectors to images, in elbo and PyTorch
    python run.py --elbo "path/to/peer-binary"   # instead of building elbo

Every peer is a process that waits, blocked, until it is told to go; only one works at a time. A round lets each
train the same number of steps (or encode or decode the same images that often); rounds follow one another, so that a
slow spell of the machine meets all. The protocol is described in peer.py. Standard library only.
"""

from __future__ import annotations

import argparse
import os
import platform
import queue
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from networks import NETWORKS, REFERENCE, TASKS

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
ELBO = "cargo run --quiet --release -p elbo-bench --bin peer --"
TORCH_PEERS = ("torch-eager", "torch-channels-last", "torch-compile")
PYTHON_PEERS = (*TORCH_PEERS, "tf-function", "tf-xla", "jax-jit")
RUST_PEERS = ("burn", "candle")
CODING_BATCH = 512
IDLE_SECONDS = 2.0
IDLE_WARNING = 2.0


class PeerFailed(Exception):
    """A peer did not start, died, fell silent or broke the protocol; the message says which."""


class Process:
    """A peer's process: lines in, lines out."""

    def __init__(self, command: list[str], timeout: float) -> None:
        self.timeout = timeout
        self.errors = tempfile.TemporaryFile("w+", errors="replace")
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        """Pass lines on; None at the end of the stream."""
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def ask(self, command: str | None) -> str:
        """Send a command, if any, and return the answer."""
        if command is not None:
            try:
                self.process.stdin.write(command + "\n")
            except OSError:
                pass  # it has died; why is read below
        try:
            line = self.lines.get(timeout=self.timeout)
        except queue.Empty:
            raise PeerFailed(f"no answer within {self.timeout:.0f} s") from None
        if line is None:
            raise PeerFailed(self._last_error())
        if line.startswith("error:"):
            raise PeerFailed(line.removeprefix("error:").strip())
        return line

    def _last_error(self) -> str:
        """The last thing it said before it died."""
        self.process.wait()
        self.errors.seek(0)
        said = [line.strip() for line in self.errors if line.strip()]
        return said[-1] if said else f"ended with code {self.process.returncode}"

    def cpu_seconds(self) -> float:
        """CPU time so far of every process in the peer's session; 0 where there is no /proc."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == self.process.pid:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """End it, and whatever it started."""
        try:
            self.process.stdin.close()
        except OSError:
            pass
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class Result:
    """One row of the table in the making."""

    name: str
    command: list[str]
    build: list[str]
    process: Process | None = None
    version: str = ""
    failure: str = ""
    idle_percent: float = 0.0
    peak_rss_mb: float = float("nan")
    rates: list[float] = field(default_factory=list)

    def fail(self, reason: str) -> None:
        """Take the peer out, keeping the reason."""
        self.failure = reason
        print(f"{self.name}: {reason}", file=sys.stderr)
        if self.process is not None:
            self.process.end()

    def start(self, timeout: float) -> None:
        """Build what is to be built, start the process and wait until it is ready."""
        print(f"{self.name}: starting", file=sys.stderr)
        try:
            if self.build:
                subprocess.run(self.build, cwd=REPOSITORY, check=True)
            self.process = Process(self.command, timeout)
            line = self.process.ask(None)
            if line.split()[:1] != ["ready"]:
                raise PeerFailed(f"said {line!r} in place of ready")
            self.version = line.removeprefix("ready").strip()
        except subprocess.CalledProcessError:
            self.fail("it does not build")
        except (OSError, PeerFailed) as error:
            self.fail(str(error))

    def go(self, steps: int, images: int, keep: bool) -> None:
        """Work, on `images` in each step; note images per second."""
        try:
            answer = self.process.ask(f"go {steps}")
            seconds = float(answer)
        except ValueError:
            self.fail(f"said {answer!r} in place of seconds")
        except PeerFailed as error:
            self.fail(str(error))
        else:
            rate = steps * images / seconds
            if keep:
                self.rates.append(rate)
            print(f"{self.name}: {rate:.0f} images/s{'' if keep else ' (not counted)'}", file=sys.stderr)

    def quit(self) -> None:
        """End the peer; note its peak memory."""
        try:
            self.peak_rss_mb = int(self.process.ask("quit").removeprefix("peak_rss_kib")) * 1024 / 1e6
        except (ValueError, PeerFailed) as error:
            print(f"{self.name}: no peak memory: {error}", file=sys.stderr)
        self.process.end()


def alive(results: list[Result]) -> list[Result]:
    """Those that have not failed."""
    return [result for result in results if not result.failure]


def measure_idle(results: list[Result]) -> None:
    """How much CPU each peer uses while all are waiting, in percent of one core."""
    waiting = alive(results)
    before = [result.process.cpu_seconds() for result in waiting]
    time.sleep(IDLE_SECONDS)
    for result, start in zip(waiting, before):
        result.idle_percent = 100 * (result.process.cpu_seconds() - start) / IDLE_SECONDS
        if result.idle_percent > IDLE_WARNING:
            print(f"{result.name}: uses {result.idle_percent:.0f} % of a core while waiting", file=sys.stderr)


def row(result: Result, elbo: Result | None, images: int, mflop: float) -> str:
    """The peer's line of the table; a step takes so many images, an image so many operations."""
    if result.failure:
        reason = result.failure.replace("|", "\\|")
        return f"| {result.name} | {result.version} | failed: {reason} | | | | | |"
    median = statistics.median(result.rates)
    spread = f"{median:,.0f} ({min(result.rates):,.0f}..{max(result.rates):,.0f})"
    milliseconds = 1000 * images / median
    gflops = median * mflop / 1000
    ratio = ""
    if elbo is not None and not elbo.failure:
        ratio = f"{statistics.median(a / b for a, b in zip(elbo.rates, result.rates)):.2f}"
    memory = "" if result.peak_rss_mb != result.peak_rss_mb else f"{result.peak_rss_mb:,.0f}"
    return (
        f"| {result.name} | {result.version} | {spread} | {milliseconds:,.3f} | {gflops:.1f} | {ratio} | {memory} "
        f"| {result.idle_percent:.0f} |"
    )


def cpu_name() -> str:
    """The processor, as the system names it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def print_table(results: list[Result], arguments: argparse.Namespace) -> None:
    """Everything a reader needs, as markdown."""
    elbo = next((result for result in results if result.name == "elbo"), None)
    mflop = NETWORKS[arguments.shape].mflop(arguments.task)
    images = images_a_step(arguments)
    print(
        f"{cpu_name()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}; "
        f"{arguments.task}, {arguments.shape}, batch {arguments.batch}, {arguments.threads} threads; "
        f"{arguments.rounds} alternating rounds of {arguments.steps} steps of {images} images; "
        f"{mflop:.1f} MFLOP per image; load {os.getloadavg()[2]:.1f} over 15 min.\n"
    )
    print(
        "| peer | version | images/s, median (min..max) | ms per step | GFLOP/s | elbo / peer, median | peak memory, MB "
        "| idle CPU, % |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for result in results:
        print(row(result, elbo, images, mflop))


def images_a_step(arguments: argparse.Namespace) -> int:
    """A minibatch in training, else all images."""
    return arguments.batch if arguments.task == "train" else arguments.images


def parse_arguments() -> argparse.Namespace:
    """Options and their defaults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=NETWORKS, default=REFERENCE, help="of an image; it names the network")
    parser.add_argument("--task", choices=TASKS, default="train")
    parser.add_argument("--batch", type=int, help="by default 512; to train 64x64x3 64, 128x128x3 16")
    parser.add_argument("--images", type=int, default=10_000, help="to encode or decode in a step")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7, help="counted rounds, at least 1")
    parser.add_argument("--steps", type=int, default=4, help="steps of a peer in a round")
    parser.add_argument("--peers", help="names, separated by commas; by default all that know the task")
    parser.add_argument("--elbo", default=ELBO, help="command that speaks the protocol; options are appended")
    parser.add_argument("--python", default=default_python(), help="interpreter of the Python peers")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds to wait for any answer")
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.steps, arguments.images) < 1:
        parser.error("--rounds, --steps and --images must be at least 1")
    training = arguments.task == "train"
    if arguments.batch is None:
        arguments.batch = NETWORKS[arguments.shape].batch if training else CODING_BATCH
    if arguments.peers is None:
        arguments.peers = ",".join(("elbo", *(PYTHON_PEERS + RUST_PEERS if training else TORCH_PEERS)))
    return arguments


def default_python() -> str:
    """That of setup.sh, if it has been run."""
    venv = HERE / ".venv/bin/python"
    return str(venv) if venv.exists() else sys.executable


def cargo(verb: str, name: str) -> list[str]:
    """Cargo's command for a peer written in Rust."""
    return ["cargo", verb, "--quiet", "--release", "--locked", "--manifest-path", str(HERE / name / "Cargo.toml")]


def peer(name: str, arguments: argparse.Namespace) -> Result:
    """How a peer is built and started."""
    build = cargo("build", name) if name in RUST_PEERS else []
    if name == "elbo":
        start = shlex.split(arguments.elbo)
    elif name in RUST_PEERS:
        start = [*cargo("run", name), "--"]
    else:
        start = [arguments.python, str(HERE / "peer.py"), name]
    options = {"batch": arguments.batch, "threads": arguments.threads, "shape": arguments.shape, "task": arguments.task}
    if arguments.task != "train":
        options["images"] = arguments.images
    return Result(name, [*start, *(word for key, value in options.items() for word in (f"--{key}", str(value)))], build)


def main() -> None:
    """Start all, alternate, print."""
    arguments = parse_arguments()
    results = [peer(name, arguments) for name in arguments.peers.split(",")]
    try:
        for result in results:
            result.start(arguments.timeout)
        measure_idle(results)
        for number in range(arguments.rounds + 1):
            for result in alive(results):
                result.go(arguments.steps, images_a_step(arguments), keep=number > 0)
        for result in alive(results):
            result.quit()
    finally:
        for result in results:
            if result.process is not None:
                result.process.end()
    print_table(results, arguments)


if __name__ == "__main__":
    main()
