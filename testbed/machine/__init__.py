"""The emulated machine: what a test starts, and the processes, files and services that it consists of."""

from testbed.machine.host import MachineError
from testbed.machine.outside import Machine, Process

__all__ = ["Machine", "MachineError", "Process"]
