"""A reset that is cut short, wherever: the device is then still the one it was, or nobody's with nothing left of it."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import agent_shell
import pytest
from agent_shell import gate_agent, running
from real_broker import Authority, Config, bundle, write_bundle
from sealed_examples import DEVICE, NAME, filled

from edge_agent.device import device_keys, identity, resetting, taken
from edge_agent.device.documents import FILE_NAME as DOCUMENTS
from edge_agent.device.documents import Documents
from edge_agent.enrolment import enrol, reset, takeover
from edge_agent.station import certificate, pin
from edge_agent.store.outbox import DAMAGE_NOTE, FILE_NAME
from edge_agent.store.salvage import salvage
from edge_agent.wire import envelope
from edge_agent.wire.entry import Header, LogHead
from edge_agent.wire.topics import DeviceName

settings = agent_shell.settings
OTHER = DeviceName("bus-co", "another")
AUTHORITY = Authority()
GOOD = bundle(AUTHORITY, 8883)
_CHANGES = {"os.rename", "os.remove", "os.link", "os.truncate", "sqlite3.connect"}


def cut_at(state: Path, count: int, *, new_keys: bool) -> bool:
    """Resets in a process that ends before its `count`-th change of the disk; False when it came to its end."""
    child = os.fork()
    if child == 0:
        left = [count]

        def watch(event: str, _arguments: object) -> None:
            if event in _CHANGES:
                left[0] -= 1
                if left[0] == 0:
                    os._exit(9)

        sys.addaudithook(watch)
        try:
            reset.reset(state, discard=5, new_keys=new_keys)
        except BaseException:  # noqa: BLE001 - nothing of the test runner may go on in here
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


def member(state: Path) -> LogHead:
    """An enrolled device with five entries that wait, and where its log stands."""
    state.mkdir(exist_ok=True)
    enrol.install(enrol.read_bundle(write_bundle(state, GOOD)), state)
    made = filled(state / FILE_NAME, 5)
    return LogHead(envelope.peek(made[0]).header.log, 5, envelope.envelope_hash(made[4]))


def first_entry(state: Path, root: str = GOOD["root"]) -> Header:
    """What the device records first once it has joined a province."""
    takeover.forget_strange_predecessor(state, root)  # what joining does first
    return envelope.peek(filled(state / FILE_NAME, 1)[0]).header


def is_member(state: Path) -> bool:
    try:
        return identity.load(state).name == NAME
    except identity.NotEnrolled:
        return False


@pytest.mark.parametrize("again, new_keys", [(False, True), (True, False)])
def test_cut_anywhere_it_was_not_begun_or_is_finished_before_anything_else(tmp_path: Path, again: bool, new_keys: bool) -> None:
    count, cut, kept = 0, True, 0
    while cut:
        count += 1
        state, root = tmp_path / str(count), (GOOD["root"], "another province's")[count % 2]
        head = member(state)
        cut = cut_at(state, count, new_keys=new_keys)
        if again and resetting.unfinished(state) is not None:
            assert reset.reset(state, discard=0, new_keys=False) == reset.Done(str(NAME), 5)  # what was agreed to holds
        else:
            resetting.finish(state)
        assert resetting.unfinished(state) is None
        if is_member(state):
            kept += 1
            assert envelope.peek(filled(state / FILE_NAME, 1)[0]).header.seq == 6
            continue
        first = first_entry(state, root)
        assert (first.seq, first.log == head.log, first.predecessor) == (1, False, head if root == GOOD["root"] else None)
        assert (device_keys.load_or_make(state).signing.public_key() == DEVICE.public_key()) is not new_keys
    assert 0 < kept < count - 8


def test_the_keeper_of_the_former_owner_is_out(tmp_path: Path) -> None:
    member(tmp_path)
    pin.make(tmp_path)
    certificate.make_sure(tmp_path, "", ())
    reset.reset(tmp_path, discard=5, new_keys=False)
    assert pin.read(tmp_path) is None
    assert not (tmp_path / resetting.STATION_FOLDER).exists()


def test_what_a_salvage_carried_over_is_not_taken_for_the_empty_outbox_of_a_reset(tmp_path: Path) -> None:
    member(tmp_path)
    reset.reset(tmp_path, discard=5, new_keys=False)
    takeover.forget_strange_predecessor(tmp_path, "another province's")
    filled(tmp_path / FILE_NAME, 3)
    recorder, _salvaged = salvage(tmp_path / FILE_NAME, 10**6, 0, 1)
    recorder.close()  # the power went before its first entry of its own
    takeover.forget_strange_predecessor(tmp_path, "another province's")  # as a ticket for another place does
    waits = takeover.backlog(tmp_path)
    assert waits is not None
    assert waits.entries == 3


def cut_short(state: Path) -> LogHead:
    """A member whose reset goes no further than to be noted and to take its name."""
    head = member(state)
    former = {"org": NAME.org, "device": NAME.device, "log": head.log.hex(), "seq": head.seq, "hash": head.hash.hex()}
    with closing(Documents(state)) as documents:
        documents.put(resetting.DOCUMENT, asdict(resetting.Plan(former, 5, new_keys=True)))
        documents.remove(identity.ENROLMENT)
    return head


def test_the_agent_finishes_it_before_it_waits_for_a_ticket(settings: Config) -> None:
    head = cut_short(settings.state)
    with running(settings) as agent:
        agent.until("the reset of this device had been cut short; now it is done")
        agent.until("not enrolled: waiting for a ticket")
        assert agent.end() == 0
    assert first_entry(settings.state).predecessor == head
    assert device_keys.load(settings.state).signing.public_key() != DEVICE.public_key()


def test_a_bundle_of_another_name_finishes_it_first(settings: Config) -> None:
    head = cut_short(settings.state)
    key, certificate = AUTHORITY.issue(str(OTHER))
    fields = bundle(AUTHORITY, 8883) | {"device": OTHER.device, "tls_key_pem": key, "tls_certificate_pem": certificate}
    done = gate_agent("enrol", write_bundle(settings.file.parent, fields), "--config", settings.file)
    assert done.returncode == 0, done.stderr
    assert identity.load(settings.state).name == OTHER
    first = envelope.peek(filled(settings.state / FILE_NAME, 1)[0]).header
    assert (first.seq, first.predecessor) == (1, head), "or what was thrown away under the old name would never be missed"


def test_a_log_of_one_province_is_never_named_to_another(tmp_path: Path) -> None:
    member(tmp_path)
    assert reset.reset(tmp_path, discard=5, new_keys=False).discarded == 5
    elsewhere = {"org": NAME.org, "device": NAME.device, "root": "another province's"}
    takeover.forget_strange_predecessor(tmp_path, elsewhere["root"])
    with closing(Documents(tmp_path)) as documents:
        documents.put(identity.ENROLMENT, elsewhere)
    assert reset.reset(tmp_path, discard=0, new_keys=False) == reset.Done(str(NAME), 0)  # before it recorded anything there
    assert first_entry(tmp_path, elsewhere["root"]).predecessor is None


def test_damaged_documents_do_not_keep_a_device_from_being_reset(tmp_path: Path) -> None:
    member(tmp_path)
    for suffix in ("", ".previous"):
        (tmp_path / (DOCUMENTS + suffix)).write_bytes(b"torn")
    assert reset.reset(tmp_path, discard=5, new_keys=False).former == "nobody"
    assert not is_member(tmp_path)


def test_a_note_of_damage_does_not_outlive_the_outbox_it_was_about(tmp_path: Path) -> None:
    head = cut_short(tmp_path)
    (tmp_path / (FILE_NAME + DAMAGE_NOTE)).touch()  # the agent met damage, and firmware has not started since
    assert resetting.finish(tmp_path)
    assert not resetting.finish(tmp_path)
    assert first_entry(tmp_path).predecessor == head


def test_an_outbox_noted_as_damaged_is_salvaged_before_anything_is_thrown_away(tmp_path: Path) -> None:
    head = member(tmp_path)
    (tmp_path / (FILE_NAME + DAMAGE_NOTE)).touch()
    with pytest.raises(takeover.AlreadyEnrolled, match="Start gate-firmware first"):
        reset.reset(tmp_path, discard=5, new_keys=False)
    assert is_member(tmp_path)
    recorder, salvaged = salvage(tmp_path / FILE_NAME, 10**9, 0, 1)
    recorder.close()
    assert salvaged.kept == 5
    reset.reset(tmp_path, discard=5, new_keys=False)
    assert first_entry(tmp_path).predecessor == head


def test_with_the_former_owners_commands_goes_that_there_were_any(tmp_path: Path) -> None:
    member(tmp_path)
    taken.note_commands(tmp_path)
    taken.note_config(tmp_path, 9)
    reset.reset(tmp_path, discard=5, new_keys=False)
    assert (taken.were_commands(tmp_path), taken.config_counter(tmp_path)) == (False, 0)
