"""Every guard of the stores: what it is, how it is taken out, and the test that then fails.

The table in `docs/storage.md` is made of the first and the last column.
"""

from __future__ import annotations

from typing import NamedTuple

ARTIFACTS = "training/artifacts"
TESTS = "tests/training/artifacts"
REGISTRY = "training/registry/registry.py"
CLAIMS = "tests/training/registry/test_claims.py"


class Guard(NamedTuple):
    """One guard.

    Attributes:
        name: what it sees to.
        file: where it is.
        old: the code that is it.
        new: the code without it.
        test: what fails then.
    """

    name: str
    file: str
    old: str
    new: str
    test: str


GUARDS = (
    Guard(
        "fsync of each file",
        f"{ARTIFACTS}/stage.py",
        "        if durable:\n            fs.sync(file)\n",
        "",
        "tests/durability/test_crash_states.py::test_no_power_cut_loses_or_tears_anything",
    ),
    Guard(
        "fsync of the stage",
        f"{ARTIFACTS}/stage.py",
        "            fs.sync(self._inside)\n",
        "",
        "tests/durability/test_crash_states.py::test_no_power_cut_loses_or_tears_anything",
    ),
    Guard(
        "fsync of the stage's directories",
        f"{ARTIFACTS}/stage.py",
        "                    fs.sync(opened_directory)\n",
        "                    pass\n",
        f"{TESTS}/test_order.py::test_a_commit",
    ),
    Guard(
        "fsync of the parent, before anything is returned",
        f"{ARTIFACTS}/stage.py",
        "    try:\n        fs.sync(parent)\n",
        "    try:\n        pass\n",
        "tests/durability/test_crash_states.py::test_no_power_cut_loses_or_tears_anything",
    ),
    Guard(
        "fsync of directories that are made on the way",
        f"{ARTIFACTS}/folders.py",
        "                    fs.sync(directory)\n                    self._durable",
        "                    self._durable",
        "tests/durability/test_crash_states.py::test_no_power_cut_loses_or_tears_anything",
    ),
    Guard(
        "a document is whole and durable before it has a name",
        f"{ARTIFACTS}/stage.py",
        "        _write_all(file, content)\n        fs.sync(file)\n",
        "        _write_all(file, content)\n",
        "tests/durability/test_crash_states.py::test_no_power_cut_loses_or_tears_anything",
    ),
    Guard(
        "an fsync that fails is an error, and is not tried again",
        f"{ARTIFACTS}/stage.py",
        "            take_back()\n        raise\n",
        "            fs.sync(parent)\n",
        f"{TESTS}/test_faults.py::test_a_commit_that_fails_leaves_no_trace",
    ),
    Guard(
        "the manifest is written last (disk)",
        f"{ARTIFACTS}/stage.py",
        "        fs.make_directory(_PAYLOAD, private)\n",
        "        fs.make_directory(_PAYLOAD, private)\n"
        "        with opened(fs.open_directory(_PAYLOAD, private)) as early:\n"
        "            write_file(MANIFEST, early, b'{}')\n",
        f"{TESTS}/test_order.py::test_a_commit",
    ),
    Guard(
        "the manifest is put last (objects)",
        f"{ARTIFACTS}/objects.py",
        '        self.replace(stage.marker, b"", durable=True)\n',
        '        self.replace(stage.marker, b"", durable=True)\n'
        '        self.replace("c/manifest.json", b"", durable=True)\n',
        f"{TESTS}/test_objects.py::test_the_manifest_is_put_last",
    ),
    Guard(
        "a name is claimed exclusively (disk)",
        f"{ARTIFACTS}/fs.py",
        "        if _renameat2(*arguments, _RENAME_NOREPLACE) == 0:\n",
        "        if _renameat2(*arguments, 0) == 0:\n",
        f"{TESTS}/test_order.py::test_a_rename_never_replaces",
    ),
    Guard(
        "a name is claimed exclusively (objects)",
        f"{ARTIFACTS}/objects.py",
        'self._fs.pipe_file(key, data, mode="create")',
        "self._fs.pipe_file(key, data)",
        f"{TESTS}/test_store.py::test_what_is_stored_is_never_overwritten",
    ),
    Guard(
        "a put that was repeated knows its own",
        f"{ARTIFACTS}/objects.py",
        "                if not self._holds(path, data):\n                    raise",
        "                if True:\n                    raise",
        f"{TESTS}/test_objects.py::test_a_document_whose_put_is_repeated_is_created_once",
    ),
    Guard(
        "files of an attempt are nobody's before its marker is gone",
        f"{ARTIFACTS}/objects.py",
        "        if not self._objects.exists(self.marker):\n",
        "        if False:\n",
        f"{TESTS}/test_objects.py::test_a_dead_attempt_is_swept_after_a_day",
    ),
    Guard(
        "the digest is checked before anybody parses",
        f"{ARTIFACTS}/reading.py",
        "    if (size, digest) != (entry.size, entry.digest):\n",
        "    if False:\n",
        f"{TESTS}/test_verify.py::test_the_digest_is_checked_before_anybody_parses",
    ),
    Guard(
        "the seal of a document is checked before anybody parses",
        f"{ARTIFACTS}/documents.py",
        "    if data != _HEAD + text + _TAIL % sha256(text).hexdigest().encode():\n",
        "    if False:\n",
        f"{TESTS}/test_documents.py::test_every_changed_byte_is_found",
    ),
    Guard(
        "a document is bound to its place",
        f"{ARTIFACTS}/documents.py",
        'document.get("path") != path or ',
        "",
        f"{TESTS}/test_documents.py::test_a_document_is_bound_to_its_place",
    ),
    Guard(
        "a manifest is bound to its place",
        f"{ARTIFACTS}/manifest.py",
        '        if body["path"] != path:\n',
        "        if False:\n",
        f"{TESTS}/test_verify.py::test_two_files_that_changed_places_are_found",
    ),
    Guard(
        "sizes are checked before memory is taken",
        f"{ARTIFACTS}/reading.py",
        "            if reader.size != entry.size:\n",
        "            if False:\n",
        "tests/security/test_storage.py::test_a_size_takes_no_memory_before_it_is_checked",
    ),
    Guard(
        "no document is larger than any that was written",
        f"{ARTIFACTS}/reading.py",
        "        if reader.size > MAX_DOCUMENT:\n",
        "        if reader.size > 2**50:\n",
        "tests/security/test_storage.py::test_a_gigantic_document_is_refused_unread",
    ),
    Guard(
        "a piece that nobody looked at is not shared",
        "training/checkpoints/manager.py",
        "        tree = self._store.read_tree(ref.uri, STATE_FILE)\n        self._note(commit)\n",
        "        self._note(commit)\n        tree = self._store.read_tree(ref.uri, STATE_FILE)\n",
        f"{TESTS}/test_segments.py::test_what_was_found_damaged_is_not_shared",
    ),
    Guard(
        "a piece is shared only if it is a file of that size",
        f"{ARTIFACTS}/links.py",
        "not stat.S_ISREG(found.st_mode) or found.st_size != piece.data.nbytes",
        "not stat.S_ISREG(found.st_mode)",
        f"{TESTS}/test_segments.py::test_what_was_put_in_place_of_a_piece_is_not_shared",
    ),
    Guard(
        "a piece that cannot be shared is written",
        f"{ARTIFACTS}/links.py",
        "if error.errno in _NOT_HERE:",
        "if error.errno == errno.ENOENT:",
        f"{TESTS}/test_segments.py::test_where_a_file_cannot_have_another_name_it_is_written",
    ),
    Guard(
        "a piece stands for its own rows only",
        f"{ARTIFACTS}/reading.py",
        "if entry is None or path not in self._left:",
        "if entry is None:",
        f"{TESTS}/test_segments.py::test_no_array_is_larger_than_its_files",
    ),
    Guard(
        "a piece is what its name says",
        f"{ARTIFACTS}/reading.py",
        "entry.size != memory.nbytes or entry.digest != digest_of(path)",
        "entry.size != memory.nbytes",
        f"{TESTS}/test_segments.py::test_a_piece_is_what_its_name_says",
    ),
    Guard(
        "an array in pieces is what its description says",
        f"{ARTIFACTS}/segments.py",
        "if len(names) != _number(tuple(shape), rows):",
        "if len(names) < 0:",
        f"{TESTS}/test_segments.py::test_an_array_that_is_not_described_as_we_do_it_is_refused",
    ),
    Guard(
        "the header of a file of weights is bounded",
        f"{ARTIFACTS}/decoding.py",
        "length > min(MAX_HEADER, len(data) - LENGTH_BYTES)",
        "length > len(data) - LENGTH_BYTES",
        f"{TESTS}/test_decoding.py",
    ),
    Guard(
        "the format is told by the manifest",
        f"{ARTIFACTS}/store.py",
        '        if entry.format != "safetensors":\n',
        "        if False:\n",
        f"{TESTS}/test_store.py::test_a_tree_is_told_by_the_manifest_and_not_by_its_name",
    ),
    Guard(
        "names are checked",
        f"{ARTIFACTS}/names.py",
        "    if not all(map(is_name, parts)) or len(parts)",
        "    if len(parts)",
        f"{TESTS}/test_names.py::test_no_name_leaves_the_store",
    ),
    Guard(
        "paths in a manifest are checked",
        f"{ARTIFACTS}/manifest.py",
        "    parts_of(entry.path)\n",
        "",
        "tests/security/test_storage.py::test_a_manifest_cannot_name_a_file_elsewhere",
    ),
    Guard(
        "where a manifest says that its files lie is checked",
        f"{ARTIFACTS}/manifest.py",
        '        if body["data"] != "" and not _DATA.fullmatch(body["data"]):\n',
        "        if False:\n",
        "tests/security/test_storage.py::test_a_manifest_cannot_say_that_its_files_lie_elsewhere",
    ),
    Guard(
        "links are not followed",
        f"{ARTIFACTS}/fs.py",
        "    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC\n",
        "    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC\n",
        f"{TESTS}/test_names.py::test_a_link_inside_a_store_is_not_followed",
    ),
    Guard(
        "a pointer moves only from what is expected (compare and set)",
        f"{ARTIFACTS}/pointers.py",
        "                if now != expect:\n",
        "                if False:\n",
        f"{TESTS}/test_pointers.py::test_a_move_from_something_else_is_refused",
    ),
    Guard(
        "a pointer that was moved meanwhile is looked at again",
        f"{ARTIFACTS}/pointers.py",
        "        if not isinstance(expect, _Anything):\n",
        "        if not isinstance(expect, _Anything) and not number - 1:\n",
        f"{TESTS}/test_pointers.py::test_of_two_moves_at_once_one_is_told",
    ),
    Guard(
        "what is deleted goes out of sight first",
        f"{ARTIFACTS}/disk.py",
        "            fs.publish(name, parent, doomed, trash)\n",
        "            delete(name, parent)\n",
        f"{TESTS}/test_order.py::test_a_removal",
    ),
    Guard(
        "a stage in use is not swept",
        f"{ARTIFACTS}/stage.py",
        "        dead = fs.lock(private) if",
        "        dead = True if",
        f"{TESTS}/test_locks.py::test_a_stage_in_use_is_not_swept",
    ),
    Guard(
        "a number is never given twice",
        f"{ARTIFACTS}/versions.py",
        '            self._store.create(self._note(number), {"deleted": path})\n',
        "            pass\n",
        f"{TESTS}/test_versions.py::test_a_number_is_never_given_again",
    ),
    Guard(
        "only the newest checkpoint that verifies is believed",
        "training/checkpoints/manager.py",
        "                return ref, self.load(ref)\n            except (IntegrityError",
        "                return ref, self.load(ref)\n            except (ZeroDivisionError",
        "tests/training/checkpoints/test_newest.py::test_the_newest_that_verifies_is_found",
    ),
    Guard(
        "the newest checkpoint always stays",
        "training/checkpoints/rules.py",
        "    names = {ref.uri for ref in newest_first[:1]}\n",
        "    names = set[str]()\n",
        "tests/training/checkpoints/test_orbax_rules.py::test_a_rule_keeps_what_it_names",
    ),
    Guard(
        "nothing is collected while a run is at work",
        "training/upkeep/collect.py",
        "        if is_at_work(record):\n            return\n",
        "",
        "tests/training/upkeep/test_collect.py::test_a_run_at_work_is_left_alone",
    ),
    Guard(
        "the newest move of an alias is never moved aside",
        "training/upkeep/repair.py",
        "    if alias is not None and unit.endswith",
        "    if alias is None and unit.endswith",
        "tests/training/upkeep/test_repair.py::"
        "test_the_newest_move_of_an_alias_is_never_taken_away",
    ),
    Guard(
        "a version that another run made is never taken for one's own",
        REGISTRY,
        'if (commit.metadata.get("digest"), card_of(commit)["run_id"]) != (digest, run_id):',
        "if False:",
        f"{CLAIMS}::test_another_model_in_the_place_of_a_version_is_an_error",
    ),
    Guard(
        "a number is bound to its weights",
        REGISTRY,
        '        if (made.digest, made.run_id) != (said["digest"], said["run_id"]):\n',
        "        if False:\n",
        f"{CLAIMS}::test_another_model_in_the_place_of_a_version_is_an_error",
    ),
    Guard(
        "whoever is second at a number looks whose it is",
        "training/registry/claims.py",
        "if self._take(files, at) or self._place_at(name, at) == files.place:",
        "if self._take(files, at):",
        f"{CLAIMS}::test_whoever_comes_second_at_a_number_looks_whose_it_is",
    ),
    Guard(
        "where a version's files were there already every claim is looked at",
        REGISTRY,
        "                commit, seen = self.store.open(path), None\n",
        "                commit = self.store.open(path)\n",
        "tests/training/registry/test_registry.py::test_the_same_run_gives_the_same_version",
    ),
    Guard(
        "where a version's files were lost every claim is looked at",
        "training/registry/claims.py",
        "            if len(self._store.names(files_path(name))) != len(given - deleted):\n",
        "            if False:\n",
        f"{CLAIMS}::test_files_that_were_lost_get_their_number_again",
    ),
    Guard(
        "no files are put where others were deleted",
        REGISTRY,
        "            if not self._claims.is_used_up(name, place):\n",
        "            if True:\n",
        f"{CLAIMS}::test_what_is_deleted_while_it_is_committed_again_is_not_its_place",
    ),
    Guard(
        "a number whose claim was moved aside is passed over",
        "training/registry/claims.py",
        "        if self._store.exists(deleted_path(files.name, number)):\n",
        "        if False:\n",
        f"{CLAIMS}::test_the_number_of_a_claim_that_was_moved_aside_is_passed_over",
    ),
    Guard(
        "a claim is moved aside only when its number is noted as used",
        "training/upkeep/repair.py",
        """store.create(deleted_path(name, number), {"why": "its claim was damaged"})""",
        "pass",
        "tests/training/upkeep/test_repair.py::"
        "test_the_number_of_a_claim_that_nobody_can_read_is_not_given_again",
    ),
    Guard(
        "no credential in a URL",
        f"{ARTIFACTS}/objects.py",
        "        refuse_credentials(url)\n",
        "",
        f"{TESTS}/test_credentials.py::test_a_url_with_credentials_is_refused_without_repeating_them",
    ),
    Guard(
        "no credential in a message",
        f"{ARTIFACTS}/objects.py",
        "            said = without_secrets(str(error))\n",
        "            said = str(error)\n",
        f"{TESTS}/test_credentials.py::test_an_error_of_the_library_says_no_secret",
    ),
    Guard(
        "a secret of a configuration stays `${VARIABLE}` until it is used",
        "training/config/load.py",
        "        return match[0]\n",
        "        return found\n",
        "tests/security/test_secrets.py::test_a_flow_keeps_and_says_no_secret_of_its_configuration",
    ),
    Guard(
        "what is described of a source has no secret",
        "training/data/manager.py",
        "        description = hidden(_describe(frame, rows, timeline))\n",
        "        description = _describe(frame, rows, timeline)\n",
        "tests/security/test_secrets.py::test_a_flow_keeps_and_says_no_secret_of_its_configuration",
    ),
    Guard(
        "a task's error says no secret",
        "training/secrets.py",
        "        if not _says_a_secret(error):\n",
        "        if True:\n",
        "tests/security/test_secrets.py::test_a_flow_keeps_and_says_no_secret_of_its_configuration",
    ),
    Guard(
        "an ending that is written down says no secret",
        "training/run/record.py",
        '"reason": without_secrets(reason), ',
        '"reason": reason, ',
        "tests/security/test_secrets.py::test_an_ending_says_no_secret",
    ),
    Guard(
        "what is stored reads no secret unasked",
        "flows/cli/execute.py",
        '    refuse_untrusted(about["config"], trusted)\n',
        "",
        "tests/security/test_secrets.py::test_a_stored_configuration_reads_no_secret_unasked",
    ),
    Guard(
        "a result record never chooses its serializer",
        "tasks/results.py",
        '        metadata = body["metadata"] | {"serializer": serializer}\n',
        '        metadata = {"serializer": serializer} | body["metadata"]\n',
        "tests/tasks/test_results.py::"
        "test_a_record_that_names_another_serializer_is_read_as_plain_json",
    ),
)
