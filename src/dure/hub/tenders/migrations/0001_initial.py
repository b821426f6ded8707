import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('allocations', '0002_initial'),
        ('people', '0001_initial'),
        ('supply', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Bid',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(max_length=80, unique=True)),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('submitted', 'Submitted'), ('admitted', 'Admitted'), ('refused', 'Not admitted'), ('selected', 'Selected'), ('rejected', 'Not selected'), ('failed', 'Inspection failed'), ('agreed', 'Agreement signed'), ('withdrawn', 'Withdrawn')], default='draft', max_length=16)),
                ('answers', models.JSONField(default=dict)),
                ('failures', models.JSONField(default=list)),
                ('reviewed', models.CharField(blank=True, max_length=300)),
                ('price', models.PositiveBigIntegerField(null=True)),
                ('agreed_price', models.PositiveBigIntegerField(null=True)),
                ('created_at', models.DateTimeField()),
                ('submitted_at', models.DateTimeField(null=True)),
                ('agreed_at', models.DateTimeField(null=True)),
                ('bidder', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='bids', to=settings.AUTH_USER_MODEL)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='bids', to='people.organisation')),
            ],
        ),
        migrations.CreateModel(
            name='Inspection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('findings', models.JSONField()),
                ('passed', models.BooleanField()),
                ('inspected_at', models.DateTimeField()),
                ('bid', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='inspection', to='tenders.bid')),
                ('inspected_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='inspections', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='SupplyCall',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=64, unique=True)),
                ('state', models.CharField(choices=[('announced', 'Announced'), ('open', 'Open'), ('closed', 'Closed'), ('checked', 'Documents checked'), ('written', 'Written review'), ('presentation', 'Presentations'), ('scored', 'Scored'), ('decided', 'Decided')], default='announced', max_length=16)),
                ('opens_at', models.DateTimeField()),
                ('closes_at', models.DateTimeField()),
                ('next_number', models.PositiveIntegerField(default=1)),
                ('decision', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='supply_calls', to='allocations.decision')),
                ('programme', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='supply_calls', to='supply.programme')),
            ],
        ),
        migrations.AddField(
            model_name='bid',
            name='call',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='bids', to='tenders.supplycall'),
        ),
        migrations.CreateModel(
            name='BidReview',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('points', models.JSONField(default=dict)),
                ('comment', models.TextField(blank=True)),
                ('assigned_at', models.DateTimeField()),
                ('submitted_at', models.DateTimeField(null=True)),
                ('bid', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reviews', to='tenders.bid')),
                ('reviewer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='bid_reviews', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('bid', 'reviewer'), name='bid_review_once_a_reviewer'), models.CheckConstraint(condition=models.Q(('points', {}), ('submitted_at__isnull', False), _connector='OR'), name='bid_review_points_at_a_time')],
            },
        ),
        migrations.AddConstraint(
            model_name='supplycall',
            constraint=models.CheckConstraint(condition=models.Q(('closes_at__gt', models.F('opens_at'))), name='supply_call_closes_later'),
        ),
        migrations.AddIndex(
            model_name='bid',
            index=models.Index(fields=['call', 'state'], name='bid_by_state'),
        ),
        migrations.AddConstraint(
            model_name='bid',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'withdrawn']), ('submitted_at__isnull', False), _connector='OR'), name='bid_left_draft_by_submission'),
        ),
        migrations.AddConstraint(
            model_name='bid',
            constraint=models.CheckConstraint(condition=models.Q(('agreed_price__isnull', True), models.Q(('agreed_price__gt', 0), ('agreed_price__lte', models.F('price')), ('price__isnull', False)), _connector='OR'), name='bid_agreed_price_at_most_the_price'),
        ),
        migrations.AddConstraint(
            model_name='bid',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'agreed'), _negated=True), models.Q(('agreed_at__isnull', False), ('agreed_price__isnull', False)), _connector='OR'), name='bid_agreed_at_a_price'),
        ),
        migrations.AddConstraint(
            model_name='bid',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'withdrawn'), _negated=True), fields=('call', 'organisation'), name='bid_once_an_organisation'),
        ),
    ]
