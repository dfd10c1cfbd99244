"""Three people edit the same few cells of a server that is killed and stopped meanwhile: what they were answered is
true, whatever the moment.

A longer run: `.venv/bin/python -m tests.server.recorded --seconds 60`
"""

import shutil
from pathlib import Path

import pytest

from tests.server.recorded import Recording, record

SECONDS = 5


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Recording:
    made = record(shutil.copytree(migrated, tmp_path_factory.mktemp("recorded") / "data"), SECONDS, seed=10)
    assert made.restarts >= 3
    assert sum(client.lost for client in made.clients)  # some requests were cut
    return made


def test_each_cell_is_a_register_that_all_answers_agree_on(recording: Recording) -> None:
    recording.check_cells()


def test_the_table_is_the_replay_of_its_log(recording: Recording) -> None:
    recording.check_log()


def test_no_acknowledged_edit_is_lost_or_made_twice(recording: Recording) -> None:
    recording.check_edits()


def test_a_row_that_was_sent_again_with_its_key_is_added_once(recording: Recording) -> None:
    recording.check_rows()


def test_each_open_page_got_the_log_without_a_gap_across_all_restarts(recording: Recording) -> None:
    recording.check_streams()
    assert all(reader.connected > 1 for reader in recording.readers)
