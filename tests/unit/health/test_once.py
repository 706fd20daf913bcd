"""What is found out once is found out once, however many threads ask at the same time."""

import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.once import Answers, once
from azext_brokerauth.health.probe import Probe
from azext_brokerauth.health.report import check_all
from tests.unit.health.machine import FakeProbe

THREADS = 16
PATIENCE = 0.3
"""Seconds in which a second call, which must not come, has time to come."""


class RefusedError(Exception):
    pass


def at_once(*asks):
    """What each gives or raises when all are asked at the same time, each by a thread of its own."""
    barrier = threading.Barrier(len(asks))

    def run(ask):
        barrier.wait(60)
        try:
            return ask()
        except RefusedError as error:
            return error

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(run, asks))


def ask_together(descriptor, find, lasting=PATIENCE):
    """What 16 threads get of a property, and which of them found it out."""
    calls = []

    class Look:
        @descriptor
        def fact(self):
            calls.append(threading.get_ident())
            time.sleep(lasting)  # all others ask meanwhile
            return find()

    look = Look()
    return at_once(*[lambda: look.fact] * THREADS), calls


def refuse():
    raise RefusedError("it cannot be told")


def test_a_fact_is_found_out_once_and_told_to_all():
    answers, calls = ask_together(once, object)
    assert len(calls) == 1
    assert len(answers) == THREADS
    assert len(set(map(id, answers))) == 1


def test_an_exception_is_told_to_all():
    answers, calls = ask_together(once, refuse)
    assert len(calls) == 1
    assert len(answers) == THREADS
    assert {(type(error), str(error)) for error in answers} == {(RefusedError, "it cannot be told")}


def test_what_the_standard_library_has_does_not_do_this():
    """No Python's cached_property keeps an exception; from 3.12 on it finds a value out for each thread, too."""
    _, calls = ask_together(functools.cached_property, refuse, lasting=0)
    assert len(calls) == THREADS


def test_two_objects_do_not_wait_for_each_other():
    meeting = threading.Barrier(2)

    class Look:
        @once
        def fact(self):
            return meeting.wait(10)  # passes only if both are found out at the same time

    first, second = Look(), Look()
    assert sorted(at_once(lambda: first.fact, lambda: second.fact)) == [0, 1]


def test_a_fact_may_ask_for_another_one():
    class Look:
        @once
        def small(self):
            return 1

        @once
        def large(self):
            return self.small + 1

    look = Look()
    assert set(at_once(*[lambda: look.large] * THREADS)) == {2}


def test_each_question_has_its_own_answer():
    answers = Answers()
    assert [answers.get(question, lambda q=question: q * 2) for question in (1, 2, 1)] == [2, 4, 2]
    assert answers.get(1, refuse) == 2


def test_all_checks_together_write_to_the_keyring_once():
    tried = []

    class Slow(FakeProbe):
        def secret_service(self):
            tried.append(threading.get_ident())
            time.sleep(PATIENCE)
            return super().secret_service()

    check_all(Facts(Slow(), list))
    assert len(tried) == 1


def test_a_program_is_started_once_for_all_who_ask(tmp_path):
    file = tmp_path / "started"
    probe = Probe()
    command = ("/bin/sh", "-c", f"echo started >> {file}; sleep {PATIENCE}; echo answer")
    ran = at_once(*[lambda: probe.run(*command)] * THREADS)
    assert {result.stdout for result in ran} == {"answer\n"}
    assert file.read_text() == "started\n"


@pytest.mark.parametrize("name", ["machine", "distribution", "wsl_conf"])
def test_a_fact_of_this_linux_is_read_from_its_files_once(name, healthy):
    facts = Facts(healthy, list)
    first = getattr(facts.linux, name)
    healthy.files.clear()
    healthy.view = None
    assert getattr(facts.linux, name) is first
