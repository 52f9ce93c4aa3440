"""Have the server tell people when a run fails: `python deploy/notify.py ADDRESS` puts `deploy/notify.yaml` on it.

ADDRESS is a webhook that takes {"text": "…"}; `--block TYPE/NAME` names a block of another kind that is on the server
already. Called again, it takes the place of what it left before.
"""

import argparse
import sys
from pathlib import Path

import yaml
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

FILE = Path(__file__).with_name("notify.yaml")
NAME = "gliaflow"  # of the block


def main() -> None:
    """Put block and automations on the server, and say what is there now."""
    parser = argparse.ArgumentParser(prog="python deploy/notify.py", description="Tell people when a run fails.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("address", nargs="?", metavar="ADDRESS", help='A webhook that takes {"text": "..."}.')
    where.add_argument(
        "--block", metavar="TYPE/NAME", help="A notification block of the server, such as slack-webhook/team."
    )
    options = parser.parse_args()
    if not PREFECT_API_URL.value():  # else Prefect starts a server for this command alone, and that one is told
        sys.exit("PREFECT_API_URL names no server to be told. Use `make notify TO=ADDRESS`, or set it.")
    if options.address:
        block = save_webhook(options.address)
    with get_client(sync_client=True) as client:
        if options.block:
            block = find_block(client, options.block)
        for automation in read_automations(block):
            put(client, automation)
            sys.stdout.write(f"{automation.name}\n")


def save_webhook(address: str) -> str:
    """The id of a block that posts to `address`."""
    message = {"text": "{{subject}}\n{{body}}"}
    block = CustomWebhookNotificationBlock(name=NAME, url=address, json_data=message)
    return str(block.save(NAME, overwrite=True))


def find_block(client: SyncPrefectClient, name: str) -> str:
    """The id of the block `name`, "type/name"; ends the process where there is none."""
    kind, _, own = name.partition("/")
    try:
        return str(client.read_block_document_by_name(own, block_type_slug=kind).id)
    except ObjectNotFound:
        sys.exit(f"There is no block {name} on the server: `prefect block ls` tells which there are.")


def read_automations(block: str) -> list[AutomationCore]:
    """What the file says, with messages sent by the block of the id `block`."""
    text = FILE.read_text(encoding="utf-8").replace("block_document_id: BLOCK", f"block_document_id: {block}")
    return [AutomationCore.model_validate(automation) for automation in yaml.safe_load(text)]


def put(client: SyncPrefectClient, automation: AutomationCore) -> None:
    """Put an automation on the server, in place of one of the same name."""
    for earlier in client.read_automations_by_name(automation.name):
        client.delete_automation(earlier.id)
    client.create_automation(automation)


if __name__ == "__main__":
    main()
