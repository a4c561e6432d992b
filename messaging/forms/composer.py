"""What an agent types: a reply, or the first text of a new conversation."""

import hashlib
import uuid
from typing import Any, TypeAlias

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet

from messaging.models import Conversation
from messaging.pictures import MAX_INPUT_BYTES, BadPicture, Picture, prepare, too_large
from trunks import carriers
from trunks.carriers.base import Limits
from trunks.models import Did

Upload: TypeAlias = "UploadedFile[Any]"
MAX_BODY = 1_600  # ten parts of plain text; what it takes on the air is counted by queue_message
MAX_PICTURES = 10


def limits_of(did: Did) -> Limits | None:
    """What the DID's carrier takes; None where no carrier is set."""
    return carriers.get(did.account.kind).LIMITS if did.account else None


class PicturesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class PicturesField(forms.FileField):
    """Any number of files; cleaned to a list of uploads."""

    widget = PicturesInput

    def clean(self, data: Any, initial: Any = None) -> list[Upload]:
        uploads = data if isinstance(data, list | tuple) else [data] if data else []
        return [super(PicturesField, self).clean(upload, initial) for upload in uploads if upload]


class ComposerForm(forms.Form):
    """A text, pictures and the key that makes a form posted twice send once."""

    body = forms.CharField(label="Text", required=False, max_length=MAX_BODY, strip=True, widget=forms.Textarea)
    pictures = PicturesField(label="Pictures", required=False)
    key = forms.RegexField(r"^[0-9a-f]{32}$", initial=lambda: uuid.uuid4().hex, widget=forms.HiddenInput)

    limits: Limits | None = None

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        uploads = cleaned.get("pictures", [])
        if not uploads and not cleaned.get("body"):
            self.add_error("body", "Write a text or add a picture.")
        elif uploads:
            cleaned["pictures"] = self._prepared(uploads)
        return cleaned | {"key": self._key(cleaned)}

    def _key(self, cleaned: dict[str, Any]) -> str:
        """The form's key with all it says: gone back to and filled in anew, the same form sends another text."""
        said = hashlib.blake2b(digest_size=16)
        pictures = (picture.data for picture in cleaned.get("pictures", []))
        words = (cleaned["key"], self.addressed_to(cleaned), cleaned.get("body", ""))
        for part in (*map(str.encode, words), *pictures):
            said.update(hashlib.blake2b(part).digest())
        return said.hexdigest()

    def addressed_to(self, cleaned: dict[str, Any]) -> str:
        """Which thread the text goes to."""
        raise NotImplementedError

    def _prepared(self, uploads: list[Upload]) -> list[Picture]:
        """Every picture made to fit its share of what the carrier takes. The error names the file."""
        most = min(MAX_PICTURES, self.limits.media_count) if self.limits else MAX_PICTURES
        if len(uploads) > most:
            self.add_error("pictures", f"{len(uploads)} pictures are too many; {most} go with one text at most.")
            return []
        share = self.limits.media_bytes // len(uploads) if self.limits else 1_000_000 // len(uploads)
        return [picture for upload in uploads if (picture := self._prepared_one(upload, share))]

    def _prepared_one(self, upload: Upload, max_bytes: int) -> Picture | None:
        try:
            if (upload.size or 0) > MAX_INPUT_BYTES:
                raise too_large()
            allowed = {"allowed": self.limits.media_types} if self.limits else {}
            return prepare(upload.read(), max_bytes=max_bytes, **allowed)
        except BadPicture as error:
            self.add_error("pictures", f"{upload.name}: {error}")
            return None

    def sentences(self) -> list[str]:
        """All errors."""
        return [str(message) for messages in self.errors.values() for message in messages]

    def text_sentences(self) -> list[str]:
        """Errors that belong under the text; DID and number show their own."""
        apart = ("did", "number")
        return [str(message) for name, messages in self.errors.items() if name not in apart for message in messages]


class ReplyForm(ComposerForm):
    def __init__(self, *args: Any, conversation: Conversation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conversation = conversation

    def addressed_to(self, cleaned: dict[str, Any]) -> str:
        return str(self.conversation.pk)

    def _prepared(self, uploads: list[Upload]) -> list[Picture]:
        self.limits = limits_of(self.conversation.did)
        return super()._prepared(uploads)


DID_ERRORS = {"required": "Choose a DID.", "invalid_choice": "You cannot text from this DID. Choose another one."}


class NewConversationForm(ComposerForm):
    """`dids`: those this person may text from."""

    did = forms.ModelChoiceField(Did.objects.none(), label="From", error_messages=DID_ERRORS)
    number = forms.CharField(
        label="To",
        max_length=40,
        help_text="Any form: (312) 555-0142, +44 20 7946 0958.",
        error_messages={"required": "Write the customer's number."},
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
    )

    field_order = ("did", "number", "body", "pictures", "key")

    def __init__(self, *args: Any, dids: "QuerySet[Did]", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["did"]
        field.queryset = dids

    def addressed_to(self, cleaned: dict[str, Any]) -> str:
        return f"{cleaned['did'].pk} {cleaned['number']}"

    def _prepared(self, uploads: list[Upload]) -> list[Picture]:
        did = self.cleaned_data.get("did")
        self.limits = limits_of(did) if did else None
        return super()._prepared(uploads)


class NameForm(forms.Form):
    name = forms.CharField(label="Name", required=False, max_length=100, strip=True)


class SaidForm(forms.Form):
    """How a person said that they want no more texts."""

    why = forms.CharField(max_length=300)
