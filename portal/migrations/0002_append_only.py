from django.db import migrations

from portal.append_only import forbid_updates


class Migration(migrations.Migration):
    dependencies = [("portal", "0001_initial")]
    operations = [migrations.RunPython(*forbid_updates("portal_auditevent"))]
