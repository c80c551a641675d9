"""What template.yaml promises, asserted on what AWS makes of it."""

import graphlib
import json
import re
import unittest

from translate import ROOT, Stack, load, translated

REQUIRED = {"Helo": "probe.example.com", "MailFrom": "verify@example.com"}


def stack(**parameters):
    return translated(**(REQUIRED | parameters))


def ref(value):
    """The logical name that a Ref, GetAtt or Sub points to."""
    if not isinstance(value, dict):
        return value
    (name, of), = value.items()
    if name == "Fn::GetAtt":
        return of[0]
    return of


class EveryNatMode(unittest.TestCase):
    """gateway, instance and none differ in the network and in nothing else."""

    def test_network_exists_unless_there_is_no_nat(self):
        for mode, network in {"gateway": True, "instance": True, "none": False}.items():
            with self.subTest(mode):
                s = stack(NatMode=mode)
                self.assertEqual(bool(s.of("AWS::CloudFormation::Stack")), network)
                self.assertEqual("VpcConfig" in s.properties("VerifyFunction"), network)

    def test_only_functions_that_speak_smtp_are_in_the_vpc(self):
        s = stack(NatMode="gateway", EgressCheck="mx.example.com:25")
        inside = {name for name, f in s.of("AWS::Lambda::Function").items() if "VpcConfig" in f["Properties"]}
        self.assertEqual(inside, {"VerifyFunction", "ProberFunction", "EgressCheckFunction"})

    def test_port_25_is_checked_where_somebody_is_named(self):
        for mode in ("gateway", "instance"):
            for named, checked in {"mx.example.com:25": True, "": False}.items():
                with self.subTest(mode=mode, named=named):
                    s = stack(NatMode=mode, EgressCheck=named)
                    self.assertEqual("EgressCheckFunction" in s.resources, checked)
                    self.assertEqual({"EgressClosed", "EgressUnchecked"} <= set(s.resources), checked)
                    if checked:
                        self.assertEqual(self.egress(s)["RCPT_EGRESS_CHECK"], named)

    def test_without_a_network_port_25_is_known_to_be_closed(self):
        # Else each check would wait for a connection that AWS never lets through.
        for named in ("mx.example.com:25", ""):
            s = stack(NatMode="none", EgressCheck=named, EgressLists="dnsbl.example")
            self.assertEqual({k: v for k, v in self.egress(s).items() if "EGRESS" in k}, {"RCPT_EGRESS_CHECK": "192.0.2.25:25"})
            self.assertFalse({"EgressClosed", "EgressUnchecked"} & set(s.resources))

    def egress(self, s):
        return s.properties("EgressCheckFunction")["Environment"]["Variables"]

    def test_nothing_else_depends_on_the_mode(self):
        def rest(mode):
            s = stack(NatMode=mode, EgressCheck="mx.example.com:25")
            for f in s.of("AWS::Lambda::Function").values():
                f["Properties"].pop("VpcConfig", None)
            for name in [name for name in self.egress(s) if "EGRESS" in name]:
                self.egress(s).pop(name)
            roles = {"arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"}
            for r in s.of("AWS::IAM::Role").values():
                r["Properties"]["ManagedPolicyArns"] = sorted(set(r["Properties"].get("ManagedPolicyArns", [])) - roles)
            return {n: r for n, r in s.resources.items() if n not in ("Network", "EgressClosed", "EgressUnchecked")}

        self.assertEqual(rest("gateway"), rest("none"))
        self.assertEqual(rest("instance"), rest("none"))


class Network(unittest.TestCase):
    def vpc(self, mode):
        return Stack(load("infra/vpc.yaml"), {"NatMode": mode, "Alarms": "topic"})

    def test_private_subnets_leave_through_the_nat_of_the_mode(self):
        for mode, key, nat in [("gateway", "NatGatewayId", "NatGateway"), ("instance", "InstanceId", "NatInstance")]:
            with self.subTest(mode):
                s = self.vpc(mode)
                route = s.properties("PrivateDefault")
                self.assertEqual(ref(route[key]), nat)
                self.assertEqual({"NatGatewayId", "InstanceId"} & set(route), {key})
                self.assertIn(nat, s.resources)
                for subnet in ("PrivateSubnetA", "PrivateSubnetB"):
                    tables = [ref(a["Properties"]["RouteTableId"]) for a in s.of("AWS::EC2::SubnetRouteTableAssociation").values()
                              if ref(a["Properties"]["SubnetId"]) == subnet]
                    self.assertEqual(tables, ["PrivateRoutes"])

    def test_one_address_that_outlives_the_stack(self):
        for mode in ("gateway", "instance"):
            s = self.vpc(mode)
            (address,) = s.of("AWS::EC2::EIP").values()
            self.assertEqual((address["DeletionPolicy"], address["UpdateReplacePolicy"]), ("Retain", "Retain"))

    def test_out_go_smtp_dns_and_https_and_nothing_comes_in(self):
        for mode in ("gateway", "instance"):
            group = self.vpc(mode).properties("SecurityGroup")
            out = {(r["IpProtocol"], r["FromPort"], r["ToPort"]) for r in group["SecurityGroupEgress"]}
            self.assertEqual(out, {("tcp", 25, 25), ("tcp", 443, 443), ("tcp", 53, 53), ("udp", 53, 53)})
            self.assertNotIn("SecurityGroupIngress", group)

    def test_nat_instance_takes_from_the_functions_alone(self):
        group = self.vpc("instance").properties("NatSecurityGroup")
        self.assertEqual({ref(r["SourceSecurityGroupId"]) for r in group["SecurityGroupIngress"]}, {"SecurityGroup"})
        self.assertFalse(self.vpc("instance").properties("NatInstance")["SourceDestCheck"])

    def test_tables_and_files_pass_the_nat_by(self):
        endpoints = self.vpc("gateway").of("AWS::EC2::VPCEndpoint").values()
        self.assertEqual({e["Properties"]["ServiceName"]["Fn::Sub"].rsplit(".", 1)[1] for e in endpoints}, {"dynamodb", "s3"})
        for e in endpoints:
            self.assertEqual([ref(t) for t in e["Properties"]["RouteTableIds"]], ["PrivateRoutes"])


class Parameters(unittest.TestCase):
    """What functions could not start with is refused before it is deployed."""

    GOOD = {
        "Helo": ["probe.example.com"],
        "MailFrom": ["verify@example.com"],
        "EgressCheck": ["", "mx.example.com:25", "mx1.example.net:25,mx.example.org:25", "mx.example.com:25, [2001:db8::1]:25"],
        "EgressLists": ["", "dnsbl.example", "k3y.zen.dq.example.net, other.example"],
        "PublicUrl": ["", "https://verify.example.com", "https://example.com:8443/rcpt/"],
        "AlarmEmail": ["", "ops@example.com"],
    }
    BAD = {
        "Helo": ["", "localhost", "a b.example"],
        "MailFrom": ["", "verify", "a@b@c"],
        "EgressCheck": ["mx.example.com", "mx.example.com:smtp", "mx.example.com:25,", "https://mx.example.com:25"],
        "EgressLists": ["dnsbl", "https://dnsbl.example", "a.example,"],
        "PublicUrl": ["verify.example.com", "ftp://example.com", "https://example.com/?a=b", "https://user@example.com"],
        "AlarmEmail": ["ops", "ops@example.com more@example.com"],
    }

    def test_patterns(self):
        parameters = load("template.yaml")["Parameters"]
        for name, values in self.GOOD.items():
            for value in values:
                self.assertTrue(re.fullmatch(parameters[name]["AllowedPattern"], value), f"{name}={value}")
        for name, values in self.BAD.items():
            for value in values:
                self.assertFalse(re.fullmatch(parameters[name]["AllowedPattern"], value), f"{name}={value}")


class Functions(unittest.TestCase):
    def setUp(self):
        self.stack = stack(EgressCheck="mx.example.com:25")
        self.functions = self.stack.of("AWS::Lambda::Function")

    def test_every_function_is_a_traced_arm64_bootstrap(self):
        for name, f in self.functions.items():
            with self.subTest(name):
                p = f["Properties"]
                self.assertEqual((p["Runtime"], p["Handler"], p["Architectures"]), ("provided.al2023", "bootstrap", ["arm64"]))
                self.assertEqual(p["TracingConfig"], {"Mode": "Active"})

    def test_every_function_is_the_archive_of_its_name(self):
        for name, f in self.functions.items():
            folder = name.removesuffix("Function").lower()
            self.assertEqual(f["Properties"]["Code"], {"S3Bucket": "bucket", "S3Key": f".build/{folder}.zip"})

    def test_every_log_ends(self):
        groups = self.stack.of("AWS::Logs::LogGroup")
        for name, f in self.functions.items():
            with self.subTest(name):
                logging = f["Properties"]["LoggingConfig"]
                self.assertEqual(logging["LogFormat"], "JSON")
                self.assertIn(ref(logging["LogGroup"]), groups)
        for name, g in groups.items():
            self.assertIn("RetentionInDays", g["Properties"], name)

    def test_a_schedule_that_fails_to_the_end_leaves_a_message(self):
        for name in ("RefresherFunction", "EgressCheckFunction"):
            target = self.stack.properties(name)["DeadLetterConfig"]["TargetArn"]
            self.assertEqual(ref(target), "MissedSchedules")

    def test_a_batch_of_webhooks_neither_starves_others_nor_is_starved(self):
        self.assertGreater(self.stack.properties("WebhooksFunction")["ReservedConcurrentExecutions"], 0)

    def test_an_account_with_a_small_limit_reserves_nothing(self):
        # AWS refuses any reservation that would leave fewer than 100, of new accounts than 10.
        for name, f in stack(EgressCheck="mx.example.com:25", WebhookConcurrency=0).of("AWS::Lambda::Function").items():
            self.assertNotIn("ReservedConcurrentExecutions", f["Properties"], name)

    def test_gateway_gives_up_after_the_function(self):
        for name in ("VerifyFunction", "AccountFunction", "WebhooksFunction", "ProvidersFunction", "JobsFunction"):
            self.assertLess(self.stack.properties(name)["Timeout"], 30)


class Alarms(unittest.TestCase):
    def test_every_alarm_tells_somebody_and_says_what_to_do(self):
        network = Stack(load("infra/vpc.yaml"), {"NatMode": "gateway", "Alarms": "topic"})
        for s in (stack(EgressCheck="mx.example.com:25"), network):
            alarms = s.of("AWS::CloudWatch::Alarm")
            self.assertTrue(alarms)
            for name, alarm in alarms.items():
                self.assertTrue(alarm["Properties"].get("AlarmActions"), name)
                self.assertGreater(len(alarm["Properties"]["AlarmDescription"]), 40, name)

    def test_whoever_asks_mail_servers_is_watched_for_being_listed(self):
        s = stack()
        asking = {name.removesuffix("Function").lower() for name, f in s.of("AWS::Lambda::Function").items()
                  if "RCPT_HELO" in f["Properties"]["Environment"]["Variables"]}
        watched = {d["Value"] for m in s.properties("BreakerOpened")["Metrics"] if "MetricStat" in m
                   for d in m["MetricStat"]["Metric"]["Dimensions"] if d["Name"] == "Function"}
        self.assertEqual(watched, asking)

    def test_cloudwatch_may_write_to_the_topic(self):
        # It may not use alias/aws/sns, whose policy nobody can change.
        self.assertNotIn("KmsMasterKeyId", stack().properties("Alarms"))


class Roles(unittest.TestCase):
    """Least privilege, function by function."""

    READ = {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:BatchGetItem"}
    WRITE = {"dynamodb:PutItem", "dynamodb:UpdateItem"}
    TRANSACT = WRITE | {"dynamodb:ConditionCheckItem"}
    FORGET = {"dynamodb:BatchGetItem", "dynamodb:DeleteItem"}
    CHANGE = TRANSACT | {"dynamodb:DeleteItem"}
    MANY = {"dynamodb:BatchWriteItem"}
    LOOK = {"s3:GetObject"}
    KEEP = LOOK | {"s3:PutObject", "s3:AbortMultipartUpload"}
    REMOVE = {"s3:DeleteObject"}
    TAKE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    SEND = {"sqs:SendMessage"}
    SECRETS = {"kms:GenerateDataKey", "kms:Decrypt"}
    TOKEN = {"states:SendTaskSuccess"}
    START = {"states:StartExecution"}
    MACHINE = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${AWS::StackName}-jobs"
    EXECUTIONS = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${AWS::StackName}-jobs:*"

    MAY = {
        "VerifyFunctionRole": {
            "ControlTable": READ | CHANGE | MANY,
            "CacheTable": READ | CHANGE | MANY,
            "${Bucket.Arn}/lists/*": LOOK,
            "Bucket": {"s3:ListBucket"},
            "ProbeQueue": SEND,
            "VaultKey": SECRETS,
        },
        "AccountFunctionRole": {
            "ControlTable": READ | CHANGE | MANY,
            "CacheTable": FORGET,
            "VaultKey": SECRETS,
        },
        "WebhooksFunctionRole": {
            "ControlTable": WRITE | {"dynamodb:GetItem", "dynamodb:BatchGetItem"},
            "CacheTable": FORGET,
            "VaultKey": SECRETS,
        },
        "ProvidersFunctionRole": {
            "ControlTable": READ | CHANGE | MANY,
            "CacheTable": READ | CHANGE | MANY,
            "${Bucket.Arn}/lists/*": LOOK,
            "Bucket": {"s3:ListBucket"},
            "VendorQueue": SEND,
            "VaultKey": SECRETS,
        },
        "VendorQueueFunctionRole": {
            "ControlTable": READ | CHANGE | MANY,
            "CacheTable": READ | CHANGE | MANY,
            "VendorQueue": SEND | TAKE,
            "VaultKey": SECRETS,
        },
        "JobsFunctionRole": {
            "ControlTable": READ | CHANGE,
            "CacheTable": {"dynamodb:BatchGetItem"},
            "${Bucket.Arn}/jobs/*": KEEP | REMOVE,
            "${Bucket.Arn}/uploads/*": KEEP | REMOVE,
            "${Bucket.Arn}/deliveries/*": KEEP | REMOVE,
            "${Bucket.Arn}/lists/*": LOOK,
            "Bucket": {"s3:ListBucket"},
            "ProbeQueue": SEND,
            "DeliveryQueue": SEND,
            MACHINE: START | {"states:SendTaskSuccess"},
            EXECUTIONS: {"states:StopExecution"},
        },
        "DropFolderFunctionRole": {
            "DropQueue": TAKE,
            "ControlTable": READ | TRANSACT,
            "${Bucket.Arn}/results/*": KEEP,
            "Bucket": {"s3:ListBucket"},
            "ProbeQueue": SEND,
            MACHINE: START,
        },
        "PlannerFunctionRole": {
            "ControlTable": READ | TRANSACT,
            "CacheTable": {"dynamodb:BatchGetItem"},
            "${Bucket.Arn}/jobs/*": KEEP,
            "${Bucket.Arn}/uploads/*": LOOK,
            "${Bucket.Arn}/drop/*": LOOK,
            "${Bucket.Arn}/lists/*": LOOK,
            "Bucket": {"s3:ListBucket"},
            "ProbeQueue": SEND,
        },
        "ProberFunctionRole": {
            "ControlTable": READ | TRANSACT | MANY,
            "CacheTable": READ | CHANGE | MANY,
            "${Bucket.Arn}/jobs/*": KEEP,
            "${Bucket.Arn}/deliveries/*": KEEP,
            "${Bucket.Arn}/lists/*": LOOK,
            "Bucket": {"s3:ListBucket"},
            "ProbeQueue": TAKE | SEND,
            "DeliveryQueue": SEND,
            MACHINE: START | TOKEN,
            "VaultKey": SECRETS,
        },
        "DeadLetterFunctionRole": {
            "ProbeDead": TAKE,
            "ControlTable": READ | TRANSACT,
            "${Bucket.Arn}/jobs/*": KEEP,
            "${Bucket.Arn}/deliveries/*": KEEP,
            "Bucket": {"s3:ListBucket"},
            "ProbeQueue": SEND,
            "DeliveryQueue": SEND,
            MACHINE: START | TOKEN,
            "VaultKey": SECRETS,
        },
        "CollectorFunctionRole": {
            "ControlTable": READ | CHANGE,
            "${Bucket.Arn}/jobs/*": KEEP | REMOVE,
            "${Bucket.Arn}/uploads/*": KEEP | REMOVE,
            "${Bucket.Arn}/drop/*": LOOK,
            "${Bucket.Arn}/results/*": KEEP | REMOVE,
            "${Bucket.Arn}/deliveries/*": KEEP | REMOVE,
            "Bucket": {"s3:ListBucket"},
            "ProbeQueue": SEND,
            "DeliveryQueue": SEND,
            MACHINE: TOKEN,
        },
        "NotifierFunctionRole": {
            "ControlTable": WRITE | {"dynamodb:GetItem", "dynamodb:BatchGetItem"},
            "${Bucket.Arn}/deliveries/*": LOOK,
            "Bucket": {"s3:ListBucket"},
            "DeliveryQueue": TAKE | SEND,
            "VaultKey": {"kms:Decrypt"},
        },
        "JobMachineRole": {
            "PlannerFunction": {"lambda:InvokeFunction"},
            "CollectorFunction": {"lambda:InvokeFunction"},
            "*": {  # no other form is known to it: Step Functions Developer Guide, "Logging using CloudWatch Logs"
                "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
                "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
            },
        },
        "RefresherFunctionRole": {
            "${Bucket.Arn}/lists/*": KEEP | REMOVE,
            "Bucket": {"s3:ListBucket"},
            "MissedSchedules": SEND,
        },
        "EgressCheckFunctionRole": {
            "CacheTable": {"dynamodb:GetItem", "dynamodb:PutItem"},
            "MissedSchedules": SEND,
        },
        "RefresherFunctionDailyRole": {"RefresherFunction": {"lambda:InvokeFunction"}},
        "EgressCheckFunctionOftenRole": {"EgressCheckFunction": {"lambda:InvokeFunction"}},
    }

    MANAGED = {
        "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
        "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",
    }

    def setUp(self):
        self.stack = stack(EgressCheck="mx.example.com:25")

    def test_each_role_may_exactly_what_its_function_does(self):
        got = {}
        for name, role in self.stack.of("AWS::IAM::Role").items():
            allowed = got.setdefault(name, {})
            for policy in role["Properties"].get("Policies", []):
                for statement in as_list(policy["PolicyDocument"]["Statement"]):
                    self.assertEqual(statement["Effect"], "Allow")
                    for resource in as_list(statement["Resource"]):
                        allowed.setdefault(ref(resource), set()).update(as_list(statement["Action"]))
        self.assertEqual(got, self.MAY)

    def test_managed_policies_are_for_logs_traces_and_the_network_only(self):
        for name, role in self.stack.of("AWS::IAM::Role").items():
            self.assertLessEqual(set(role["Properties"].get("ManagedPolicyArns", [])), self.MANAGED, name)

    def statements(self):
        for name, role in self.stack.of("AWS::IAM::Role").items():
            for policy in role["Properties"].get("Policies", []):
                for statement in as_list(policy["PolicyDocument"]["Statement"]):
                    yield name, statement

    def test_data_keys_are_for_a_named_account_only(self):
        vaults = {name: s for name, s in self.statements() if ref(s["Resource"]) == "VaultKey"}
        self.assertEqual(set(vaults), {name for name, may in self.MAY.items() if "VaultKey" in may})
        for name, vault in vaults.items():
            self.assertEqual(vault["Condition"], {"Null": {"kms:EncryptionContext:account": "false"}}, name)

    def test_names_are_listed_only_where_files_may_be_read(self):
        for name, listing in ((n, s) for n, s in self.statements() if "s3:ListBucket" in as_list(s["Action"])):
            prefixes = as_list(listing["Condition"]["StringLike"]["s3:prefix"])
            self.assertEqual({"${Bucket.Arn}/" + p for p in prefixes}, {r for r in self.MAY[name] if "${Bucket.Arn}/" in r}, name)


class Queues(unittest.TestCase):
    """Who takes from a queue, how long it may, and what becomes of what nobody can take."""

    SOURCES = {
        "ProberSource": ("ProberFunction", "ProbeQueue"),
        "DeadLetterSource": ("DeadLetterFunction", "ProbeDead"),
        "NotifierSource": ("NotifierFunction", "DeliveryQueue"),
        "VendorQueueSource": ("VendorQueueFunction", "VendorQueue"),
        "DropFolderSource": ("DropFolderFunction", "DropQueue"),
    }

    def setUp(self):
        self.stack = stack()
        self.queues = self.stack.of("AWS::SQS::Queue")

    def test_each_queue_has_its_function(self):
        sources = self.stack.of("AWS::Lambda::EventSourceMapping")
        got = {name: (ref(s["Properties"]["FunctionName"]), ref(s["Properties"]["EventSourceArn"])) for name, s in sources.items()}
        self.assertEqual(got, self.SOURCES)

    def test_one_message_that_fails_comes_again_alone(self):
        for name in self.SOURCES:
            source = self.stack.properties(name)
            self.assertEqual((source["BatchSize"], source["FunctionResponseTypes"]), (1, ["ReportBatchItemFailures"]), name)

    def test_functions_at_once_are_bounded(self):
        # Without a bound a burst is throttled, and each throttle counts as a try.
        for name in self.SOURCES:
            self.assertGreaterEqual(self.stack.properties(name)["ScalingConfig"]["MaximumConcurrency"], 2, name)
        self.assertEqual(stack(ProbeConcurrency=7).properties("ProberSource")["ScalingConfig"]["MaximumConcurrency"], 7)

    def test_a_message_is_not_given_to_a_second_function_while_the_first_may_run(self):
        for function, queue in self.SOURCES.values():
            visible = self.queues[queue]["Properties"]["VisibilityTimeout"]
            self.assertGreaterEqual(visible, 6 * self.stack.properties(function)["Timeout"], queue)

    def test_dead_letters_are_kept_as_long_as_can_be(self):
        for queue in ("ProbeQueue", "DeliveryQueue", "VendorQueue", "DropQueue"):
            p = self.queues[queue]["Properties"]
            dead = self.queues[ref(p["RedrivePolicy"]["deadLetterTargetArn"])]["Properties"]
            self.assertGreaterEqual(p["RedrivePolicy"]["maxReceiveCount"], 5, queue)
            self.assertEqual(dead["MessageRetentionPeriod"], 14 * 24 * 3600, queue)
            self.assertNotIn("RedrivePolicy", dead, queue)

    def test_messages_are_kept_longer_than_a_job_may_take(self):
        # internal/store promises 4 days; batch.MaxDeadline is 3.
        for queue in ("ProbeQueue", "DeliveryQueue", "VendorQueue", "DropQueue"):
            self.assertGreaterEqual(self.queues[queue]["Properties"]["MessageRetentionPeriod"], 4 * 24 * 3600, queue)

    def test_messages_are_encrypted(self):
        for queue in self.SOURCES.values():
            self.assertTrue(self.queues[queue[1]]["Properties"]["SqsManagedSseEnabled"], queue)

    def test_functions_that_feed_themselves_are_not_taken_for_runaways(self):
        # Lambda ends a chain of about 16 turns through a queue unless it is told not to.
        for name, may in Roles.MAY.items():
            if any(Roles.SEND | Roles.TAKE <= actions for actions in may.values()):
                function = name.removesuffix("Role")
                self.assertEqual(self.stack.properties(function).get("RecursiveLoop"), "Allow", function)

    def test_only_files_of_the_drop_folder_are_told_and_by_this_account(self):
        (told,) = self.stack.properties("Bucket")["NotificationConfiguration"]["QueueConfigurations"]
        self.assertEqual(ref(told["Queue"]), "DropQueue")
        self.assertEqual(told["Filter"], {"S3Key": {"Rules": [{"Name": "prefix", "Value": "drop/"}]}})
        (policy,) = self.stack.properties("DropQueuePolicy")["PolicyDocument"]["Statement"]
        self.assertEqual(policy["Condition"], {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}})
        self.assertEqual(self.stack.resources["Bucket"]["DependsOn"], "DropQueuePolicy")


class Jobs(unittest.TestCase):
    def setUp(self):
        self.stack = stack()
        self.machine = self.stack.properties("JobMachine")

    def test_machine_is_the_file_that_runs_everywhere(self):
        self.assertEqual(self.machine["DefinitionS3Location"], {"Bucket": "bucket", "Key": "infra/statemachine/job.asl.json"})
        text = (ROOT / "infra/statemachine/job.asl.json").read_text()
        names = {name: ref(value) for name, value in self.machine["DefinitionSubstitutions"].items()}
        self.assertEqual(names, {"PlannerArn": "PlannerFunction", "CollectorArn": "CollectorFunction"})
        self.assertEqual(set(re.findall(r"\$\{(\w+)\}", text)), set(names))

    def test_machine_waits_longer_than_its_functions_may_run(self):
        states = json.loads((ROOT / "infra/statemachine/job.asl.json").read_text())["States"]
        for name, state in states.items():
            if "TimeoutSeconds" in state:
                function = re.search(r"\$\{(\w+)Arn\}", state["Parameters"]["FunctionName"])[1] + "Function"
                self.assertGreater(state["TimeoutSeconds"], self.stack.properties(function)["Timeout"], name)

    def test_executions_are_named_as_the_functions_know_them(self):
        self.assertEqual(self.machine["StateMachineName"], {"Fn::Sub": "${AWS::StackName}-jobs"})
        for name, f in self.stack.of("AWS::Lambda::Function").items():
            known = f["Properties"]["Environment"]["Variables"].get("RCPT_STATE_MACHINE")
            if known:
                self.assertEqual(known, {"Fn::Sub": Roles.MACHINE}, name)

    def test_machine_is_standard_traced_and_logs_no_data(self):
        self.assertEqual(self.machine.get("StateMachineType", "STANDARD"), "STANDARD")
        self.assertEqual(self.machine["TracingConfiguration"], {"Enabled": True})
        logging = self.machine["LoggingConfiguration"]
        self.assertEqual((logging["Level"], logging["IncludeExecutionData"]), ("ERROR", False))

    def test_files_outlive_the_longest_job_and_no_more(self):
        # batch.MaxDeadline and batch.MaxKeep: 3 and 90 days.
        rules = {r["Prefix"]: r.get("ExpirationInDays") for r in self.rules(ResultsDays=11) if "Prefix" in r}
        self.assertEqual(rules, {"uploads/": 7, "jobs/": 95, "deliveries/": 95, "drop/": 11, "results/": 11})

    def test_what_crashes_leave_behind_is_removed(self):
        self.assertIn({"DaysAfterInitiation": 1}, [r.get("AbortIncompleteMultipartUpload") for r in self.rules()])

    def rules(self, **parameters):
        return stack(**parameters).properties("Bucket")["LifecycleConfiguration"]["Rules"]


class Cost(unittest.TestCase):
    """infra/cost reckons with what is deployed."""

    def reckoned(self, name):
        return int(re.search(rf"\b{name}\s+= (\d+)", (ROOT / "infra/cost/main.go").read_text())[1])

    def test_alarms_are_paid_for_by_the_metrics_they_look_at(self):
        network = Stack(load("infra/vpc.yaml"), {"NatMode": "gateway", "Alarms": "topic"})
        alarms = [a["Properties"] for s in (stack(EgressCheck="mx.example.com:25"), network) for a in s.of("AWS::CloudWatch::Alarm").values()]
        self.assertEqual(sum(len([m for m in a["Metrics"] if "MetricStat" in m]) if "Metrics" in a else 1 for a in alarms), self.reckoned("watched"))

    def test_queues_are_looked_into_though_they_are_empty(self):
        self.assertEqual(len(stack().of("AWS::Lambda::EventSourceMapping")), self.reckoned("sources"))


class Circles(unittest.TestCase):
    def test_no_resource_waits_for_itself(self):
        # CloudFormation refuses circles; cfn-lint misses those through the API.
        resources = stack(EgressCheck="mx.example.com:25").resources
        needs = {name: named(resource) & set(resources) for name, resource in resources.items()}
        try:
            graphlib.TopologicalSorter(needs).prepare()
        except graphlib.CycleError as circle:
            self.fail(circle.args[1])


def named(node):
    """The resources that a part of the template names."""
    if isinstance(node, list):
        return set().union(*map(named, node))
    if not isinstance(node, dict):
        return set()
    found = set()
    for key, value in node.items():
        if key in ("Ref", "DependsOn"):
            found |= set(as_list(value))
        elif key == "Fn::GetAtt":
            found.add(value[0])
        elif key == "Fn::Sub":
            text = as_list(value)[0]
            found |= {name.split(".")[0] for name in re.findall(r"\$\{([^}]+)\}", text)} | named(as_list(value)[1:])
        else:
            found |= named(value)
    return found


class Api(unittest.TestCase):
    def setUp(self):
        self.stack = stack()

    def test_paths_are_not_prefixed(self):
        self.assertEqual(self.stack.properties("ApiApiGatewayDefaultStage")["StageName"], "$default")

    def test_every_path_leads_to_the_function_that_has_it(self):
        code = (ROOT / "internal/httpapi/route.go").read_text()
        served = {(part, path) for part, path in re.findall(r'\{(\w+)Part, "[A-Z]+", "(/[^"]*)"', code)}
        self.assertGreater(len(served), 20)
        for part, path in served:
            with self.subTest(path):
                self.assertEqual(self.function_at(re.sub(r"\{.*?\}", "x", path)).lower(), part + "function")

    def function_at(self, path):
        """What the gateway does: whole paths before variables, those before the greedy one, then the default."""
        found = []
        for route, methods in self.stack.properties("Api")["Body"]["paths"].items():
            (integration,) = {json.dumps(m["x-amazon-apigateway-integration"]) for m in methods.values()}
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route).replace(r"\{proxy\+\}", ".+"))
            if route == "/$default" or re.fullmatch(pattern, path):
                rank = (route != "/$default", "{proxy+}" not in route, "{" not in route, len(route))
                found.append((rank, re.search(r"\$\{(\w+)\.Arn\}", integration)[1]))
        return max(found)[1]

    def test_access_log_names_no_path_and_no_query(self):
        format = self.stack.properties("ApiApiGatewayDefaultStage")["AccessLogSettings"]["Format"]
        for word in ("path", "query", "header", "body"):
            self.assertNotIn(word, format.lower())
        self.assertIn("$context.requestId", format)

    def test_gateway_does_not_throttle(self):
        # An ESP's webhook that meets a gateway's 429 is lost (SNS); limits are ours to set, per key.
        stage = self.stack.properties("ApiApiGatewayDefaultStage")
        for settings in (stage.get("DefaultRouteSettings", {}), *stage.get("RouteSettings", {}).values()):
            self.assertNotIn("ThrottlingRateLimit", settings)

    def test_routes_have_no_metrics_of_their_own(self):
        # They are paid for like ours, six for each of thirty routes ("Monitor CloudWatch metrics for HTTP APIs").
        self.assertNotIn("DefaultRouteSettings", self.stack.properties("ApiApiGatewayDefaultStage"))


class Storage(unittest.TestCase):
    def setUp(self):
        self.stack = stack()

    def test_what_must_not_be_lost_is_kept(self):
        for name in ("ControlTable", "Bucket", "VaultKey", "Secret"):
            self.assertEqual(self.stack.resources[name]["DeletionPolicy"], "Retain", name)
        control = self.stack.properties("ControlTable")
        self.assertTrue(control["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"])
        self.assertTrue(control["DeletionProtectionEnabled"])

    def test_cache_may_be_dropped_and_cannot_run_away(self):
        self.assertEqual(self.stack.resources["CacheTable"]["DeletionPolicy"], "Delete")
        self.assertIn("MaxWriteRequestUnits", self.stack.properties("CacheTable")["OnDemandThroughput"])

    def test_both_tables_have_the_form_of_the_adapter(self):
        for name in ("ControlTable", "CacheTable"):
            table = self.stack.properties(name)
            self.assertEqual({a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}, {"PK": "B", "SK": "B"})
            self.assertEqual([(k["AttributeName"], k["KeyType"]) for k in table["KeySchema"]], [("PK", "HASH"), ("SK", "RANGE")])
            self.assertEqual(table["TimeToLiveSpecification"], {"AttributeName": "_exp", "Enabled": True})

    def test_bucket_is_private_versioned_and_speaks_tls(self):
        bucket = self.stack.properties("Bucket")
        self.assertEqual(bucket["VersioningConfiguration"], {"Status": "Enabled"})
        self.assertEqual(set(bucket["PublicAccessBlockConfiguration"].values()), {True})
        (statement,) = self.stack.properties("BucketPolicy")["PolicyDocument"]["Statement"]
        self.assertEqual((statement["Effect"], statement["Condition"]), ("Deny", {"Bool": {"aws:SecureTransport": "false"}}))

    def test_queues_keep_messages_as_long_as_they_can_where_a_person_must_look(self):
        self.assertEqual(self.stack.properties("MissedSchedules")["MessageRetentionPeriod"], 14 * 24 * 3600)


def as_list(value):
    return value if isinstance(value, list) else [value]


if __name__ == "__main__":
    unittest.main()
