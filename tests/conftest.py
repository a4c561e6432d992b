"""What every test stands on."""

pytest_plugins = ["tests.components", "tests.people", "tests.messaging.desk", "tests.portal.peers"]
