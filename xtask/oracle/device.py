"""wgrad as a child process that works off a batch of jobs."""

import json
import subprocess
import tempfile
from pathlib import Path

from safetensors.torch import load_file, save

# Jobs in the pipe: enough that the device does not wait for Python.
AHEAD = 8


class Wgrad:
    def __init__(self, program, device):
        self.command = [program] + (["--device", device] if device else []) + ["op", "--batch", "-"]
        self.info = self.ask("info")
        # In memory where the system has a place for it: thousands of small files.
        memory = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(prefix="wgrad-oracle-", dir=memory if memory.is_dir() else None)
        self.process = None

    def ask(self, *words):
        done = subprocess.run(self.command[:-3] + list(words) + ["--json"], stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    def adapter(self):
        adapters, chosen = self.info["adapters"], self.info["chosen"]
        return adapters[chosen] if chosen is not None else {"name": "the f64 reference", "caps": {"f16": True}}

    def files(self, number):
        return Path(self.folder.name) / f"{number}.in", Path(self.folder.name) / f"{number}.out"

    def start(self, stderr):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True)

    def send(self, number, op, case):
        source, target = self.files(number)
        tensors = {str(n): t.contiguous() for n, t in enumerate(case.inputs)}
        tensors |= {f"grad.{n}": g for n, g in case.grads.items()}
        source.write_bytes(save(tensors))
        job = {"op": op, "attrs": case.attrs, "in": str(source), "out": str(target), "id": number}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()

    def receive(self):
        """The next result: its number, its tensors, or what is wrong. None where the process is gone."""
        line = self.process.stdout.readline()
        if not line:
            return None
        answer = json.loads(line)
        source, target = self.files(answer["id"])
        tensors = load_file(target) if answer["ok"] else {}
        source.unlink(), target.unlink(missing_ok=True)
        return answer["id"], tensors, answer.get("error")

    def stop(self):
        if self.process:
            self.process.stdin.close()
            code = self.process.wait()
            self.process = None
            return code
