#!/usr/bin/env python3
"""The image's entry point and its environment, with stand-ins for the broker and for being root."""

import shutil
import unittest

from support import ROOT, ScriptTest

BROKER = """case "$*" in
  *--print-config*) printf '%s\\n' 'default_pass = guest  # default' 'default_user = guest  # default' \\
    "${PRINTED:-loopback_users = none  # x}" "${DATA_LINE:-data_dir = ./data  # default}" ;;
  *) echo "data $LEPUS_DATA_DIR file ${RABBITMQ_CONFIG_FILE:-none} files ${RABBITMQ_CONFIG_FILES:-none}" ;;
esac"""


class EntrypointTest(ScriptTest):
    def setUp(self):
        super().setUp()
        self.image = self.folder / "image"
        self.stand_in("broker", BROKER)
        (self.image / "opt/lepus/bin").mkdir(parents=True)
        shutil.copy2(self.programs / "broker", self.image / "opt/lepus/bin/lepus")
        (self.image / "opt/lepus/lib").mkdir()
        shutil.copy2(ROOT / "docker/environment.sh", self.image / "opt/lepus/lib/environment.sh")
        for folder in ("var/lib/lepus", "var/lib/rabbitmq", "etc/rabbitmq/conf.d"):
            (self.image / folder).mkdir(parents=True)
        self.environment["LEPUS_IMAGE_ROOT"] = str(self.image)
        self.stand_in("mountpoint", "exit 1")
        self.stand_in("setpriv", 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"')
        self.stand_in("find")
        self.be_user(999)

    def be_user(self, number):
        self.stand_in("id", f"echo {number}")

    def start(self, *arguments):
        return self.call(ROOT / "docker/entrypoint.sh", *arguments)

    def data_folder(self):
        result = self.start()
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.split()[1].removeprefix(str(self.image))

    def test_data_is_kept_in_our_volume(self):
        self.assertEqual(self.data_folder(), "/var/lib/lepus/data")
        self.assertTrue((self.image / "var/lib/lepus/data").is_dir())

    def test_a_volume_at_rabbitmqs_place_is_used_instead(self):
        self.stand_in("mountpoint", f'test "$2" = {self.image}/var/lib/rabbitmq')
        self.assertEqual(self.data_folder(), "/var/lib/rabbitmq/lepus")

    def test_data_that_is_there_decides(self):
        (self.image / "var/lib/lepus/data").mkdir()
        self.stand_in("mountpoint")
        self.assertEqual(self.data_folder(), "/var/lib/lepus/data")
        (self.image / "var/lib/rabbitmq/lepus").mkdir()
        self.assertEqual(self.data_folder(), "/var/lib/rabbitmq/lepus")

    def test_a_chosen_folder_is_used(self):
        for origin in ("LEPUS_DATA_DIR", "/etc/rabbitmq/rabbitmq.conf:3", "--data-dir"):
            for quote in ("", "'"):
                with self.subTest(origin + quote):
                    folder = self.image / "else where"
                    self.environment["DATA_LINE"] = f"data_dir = {quote}{folder}{quote}  # {origin}"
                    result = self.start()
                    self.assertIn(f"data {folder} file", result.stdout)
                    self.assertTrue(folder.is_dir())

    def test_rabbitmqs_own_data_is_left_alone_and_mentioned(self):
        (self.image / "var/lib/rabbitmq/mnesia").mkdir()
        self.assertIn("is not read", self.start().stderr)

    def test_root_gives_the_data_away_and_drops_its_rights(self):
        self.be_user(0)
        result = self.start("--shards", "2")
        self.assertEqual(result.returncode, 0, result.stderr)
        calls = self.called()
        self.assertIn(f"find {self.image}/var/lib/lepus/data ! -user 999 -exec chown 999:999 {{}} +", calls)
        self.assertIn(f"setpriv --reuid=999 --regid=999 --clear-groups -- {self.image}/opt/lepus/bin/lepus --shards 2",
                      calls)

    def test_another_user_stays_who_it_is(self):
        self.start()
        self.assertEqual([call for call in self.called() if call.startswith(("setpriv", "find"))], [])

    def test_a_volume_that_cannot_be_written_is_named(self):
        (self.image / "var/lib/lepus").rmdir()
        self.write(self.image / "var/lib/lepus", "not a folder")
        result = self.start()
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot create", result.stderr)

    def test_rabbitmqs_files_are_the_configuration(self):
        self.assertIn(f"file none files {self.image}/etc/rabbitmq/conf.d", self.start().stdout)
        self.write(self.image / "etc/rabbitmq/rabbitmq.conf", "")
        self.assertIn(f"file {self.image}/etc/rabbitmq/rabbitmq.conf files", self.start().stdout)

    def test_our_own_file_takes_their_place(self):
        self.write(self.image / "etc/rabbitmq/rabbitmq.conf", "")
        self.write(self.image / "etc/lepus/lepus.conf", "")
        self.assertIn("file none files none", self.start().stdout)

    def test_a_file_that_was_chosen_stays(self):
        self.write(self.image / "etc/rabbitmq/rabbitmq.conf", "")
        self.environment["RABBITMQ_CONFIG_FILE"] = "/chosen.conf"
        self.assertIn("file /chosen.conf", self.start().stdout)

    def test_guest_from_anywhere_is_warned_about(self):
        self.assertIn("warning: user guest", self.start().stderr)
        self.environment["PRINTED"] = "loopback_users.guest = true  # x"
        self.assertNotIn("warning", self.start().stderr)

    def test_names_of_the_server_and_bare_options_start_the_broker(self):
        for arguments in ([], ["rabbitmq-server"], ["lepus"], ["--shards", "1"], ["rabbitmq-server", "--shards", "1"]):
            with self.subTest(arguments):
                self.called()
                self.assertEqual(self.start(*arguments).returncode, 0)
                options = " ".join(arguments[-2:]) if "--shards" in arguments else ""
                self.assertEqual(self.called("broker")[-1], f"broker {options}")

    def test_another_command_is_run_as_it_is(self):
        result = self.start("echo", "rabbitmqctl", "status")
        self.assertEqual(result.stdout, "rabbitmqctl status\n")
        self.assertEqual(self.called("broker"), [])


if __name__ == "__main__":
    unittest.main()
