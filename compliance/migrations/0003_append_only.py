from django.db import migrations

from portal.append_only import forbid_updates


class Migration(migrations.Migration):
    dependencies = [("compliance", "0002_initial")]
    operations = [migrations.RunPython(*forbid_updates("compliance_optout"))]
