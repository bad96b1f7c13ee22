# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel asks for becomes a command of QEMU's monitor, at the place that it names."""

import json
import socket
import threading
import unittest

from canned import edited  # which also says where bifold is
from bifold import errors

REQUEST = (b"# inject-error cpu=2 bank=9 status=0xbd80000000000134 global=0x7 address=0x100003240 "
           b"misc=0x86 broadcast=no at=0x0\r\n")
COMMAND = "mce 2 9 0xbd80000000000134 0x7 0x100003240 0x86"


class FakeQemu(threading.Thread):
    """Plays the monitor: notes what it is told; the CPU is at each of `places` in turn. With `ends`
    it goes away instead of answering the first command `mce`."""

    def __init__(self, path, places=(), says="", ends=False):
        super().__init__(daemon=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()
        self.places, self.says, self.told = list(places), says, []
        self.ends = ends
        self.start()

    def run(self):
        with self.server:
            connection, _ = self.server.accept()
        with connection, connection.makefile("rwb", buffering=0) as lines:
            lines.write(b'{"QMP": {"version": {}}}\n')
            for line in lines:
                request = json.loads(line)
                lines.write(b'{"event": "STOP"}\n')
                answer = self.answer(request)
                if self.ends and self.told:
                    return
                lines.write(json.dumps({"return": answer}).encode() + b"\n")

    def answer(self, request):
        words = request["arguments"].get("command-line", request["execute"])
        if words != "qmp_capabilities":
            self.told.append(words)
        if words == "info registers":
            self.asked = request["arguments"]["cpu-index"]
            return f"RAX=0000000000000001\nRIP={self.places.pop(0):016x} RFL=00000202"
        return self.says if words.startswith("mce") else {}


class Requests(unittest.TestCase):
    def setUp(self):
        self.injector = errors.Injector()
        self.addCleanup(self.injector.close)

    def qemu(self, **named):
        return FakeQemu(self.injector.folder / "monitor", **named)

    def test_a_request_is_passed_on(self):
        qemu = self.qemu()
        self.injector.feed(b"# cpus started=4\r\n" + REQUEST)
        self.assertEqual(qemu.told, [COMMAND])
        self.assertEqual((self.injector.injected, self.injector.problems), (1, []))

    def test_all_cpus_are_told(self):
        qemu = self.qemu()
        self.injector.feed(edited(b"broadcast=no", b"broadcast=yes", REQUEST))
        self.assertEqual(qemu.told, [COMMAND.replace("mce", "mce -b")])

    def test_a_request_may_come_in_pieces(self):
        qemu = self.qemu()
        for start in range(0, len(REQUEST), 7):
            self.injector.feed(REQUEST[start:start + 7])
        self.assertEqual(qemu.told, [COMMAND])

    def test_the_cpu_is_waited_for(self):
        qemu = self.qemu(places=[0x10, 0x20, 0x1234])
        self.injector.feed(edited(b"at=0x0", b"at=0x1234", REQUEST))
        self.assertEqual(qemu.told, ["stop", "info registers", "cont"] * 2 +
                         ["stop", "info registers", COMMAND, "cont"])
        self.assertEqual(qemu.asked, 2)
        self.assertEqual(self.injector.problems, [])

    def test_other_lines_ask_for_nothing(self):
        self.injector.feed(b"# inject-error cpu=x\n# inject-error\nok 1 inject-error cpu=0\n" +
                           edited(b"misc=0x86", b"misc=0x86;quit", REQUEST))
        self.assertEqual((self.injector.injected, self.injector.problems), (0, []))

    def test_what_qemu_objects_to_is_a_problem(self):
        self.qemu(says="CPU 2: Previous MCE still in progress")
        self.injector.feed(REQUEST)
        self.assertEqual(len(self.injector.problems), 1)
        self.assertIn("still in progress", self.injector.problems[0])
        self.assertEqual(self.injector.injected, 0)

    def test_a_run_that_ends_before_the_answer_is_no_problem(self):
        qemu = self.qemu(ends=True)
        self.injector.feed(REQUEST)
        self.assertEqual(qemu.told, [COMMAND])
        self.assertEqual((self.injector.injected, self.injector.problems), (0, []))

    def test_a_cpu_that_never_comes_is_a_problem(self):
        self.qemu(places=[0x10] * 100000)
        self.addCleanup(setattr, errors, "PATIENCE", errors.PATIENCE)
        errors.PATIENCE = 0.1
        self.injector.feed(edited(b"at=0x0", b"at=0x1234", REQUEST))
        self.assertIn("does not come to 0x1234", self.injector.problems[0])

    def test_without_a_monitor_there_is_a_problem(self):
        self.injector.feed(REQUEST)
        self.assertIn("could not be injected", self.injector.problems[0])


if __name__ == "__main__":
    unittest.main()
