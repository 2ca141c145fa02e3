#!/usr/bin/env python3
"""The control plane of the integration tests: the CRDs and the permissions of config/ applied, and beside the
administrator's kubeconfig one of the operator's account, kubeconfig.operator.

  cluster.py start BASE [AUDIT_POLICY]   in the folder BASE/CALLER; ends with the caller at the latest
  cluster.py stop BASE                   deletes the folder too

CALLER is the caller's process id: where ctest is the caller, each run of ctest has control planes of its own, and the
tests that it starts find theirs by the id of their parent.
"""

import os
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/cluster"))

from control_plane import ControlPlane, start_apart, stop, write_operator_kubeconfig
from processes import run_main


def start(folder, audit_policy=None):
    for other in folder.parent.glob("*"):  # of callers that were killed; their control planes have ended by themselves
        if other.name.isdigit() and not pathlib.Path("/proc", other.name).exists():
            shutil.rmtree(other, ignore_errors=True)
    control_plane = ControlPlane(folder, audit_policy=audit_policy and pathlib.Path(audit_policy).resolve())
    kubectl = control_plane.kubectl

    def prepare():
        kubectl("create", "-f", ROOT / "config/crd")
        kubectl("wait", "--for=condition=Established", "--timeout=180s", "-f", ROOT / "config/crd")
        kubectl("create", "-f", ROOT / "config/rbac")
        kubectl("create", "-f", ROOT / "config/rbac/registration/role.yaml")  # which tests bind
        write_operator_kubeconfig(kubectl, folder / "kubeconfig.operator")

    start_apart(control_plane, prepare)


def main():
    match sys.argv[1:]:
        case ["start", base, *audit_policy]:
            start(pathlib.Path(base, str(os.getppid())), *audit_policy)
        case ["stop", base]:
            folder = pathlib.Path(base, str(os.getppid()))
            stop(folder)
            shutil.rmtree(folder, ignore_errors=True)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    run_main(main)
