"""What a gateway process asks of its machine, where the machine says no."""

from __future__ import annotations

import os

import pytest
from structlog.testing import capture_logs

from notifier import gateway_process


def test_a_sandbox_that_lets_nobody_choose_how_to_be_scheduled_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(pid: int, policy: int, param: os.sched_param) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with capture_logs() as logs:
        gateway_process.let_others_finish()
    assert [one["event"] for one in logs] == ["scheduling_not_chosen"]
