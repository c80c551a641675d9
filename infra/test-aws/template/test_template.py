"""What template.yaml promises, asserted on what AWS makes of it."""

import unittest

from translate import Stack, load, translated

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
        self.assertEqual(inside, {"VerifyFunction", "EgressCheckFunction"})

    def test_port_25_is_checked_where_it_can_be_open_and_somebody_is_named(self):
        for mode, named, checked in [("gateway", "mx.example.com:25", True), ("instance", "mx.example.com:25", True),
                                     ("gateway", "", False), ("none", "mx.example.com:25", False)]:
            with self.subTest(mode=mode, named=named):
                s = stack(NatMode=mode, EgressCheck=named)
                self.assertEqual("EgressCheckFunction" in s.resources, checked)

    def test_nothing_else_depends_on_the_mode(self):
        def rest(mode):
            s = stack(NatMode=mode)
            for f in s.of("AWS::Lambda::Function").values():
                f["Properties"].pop("VpcConfig", None)
            roles = {"arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"}
            for r in s.of("AWS::IAM::Role").values():
                r["Properties"]["ManagedPolicyArns"] = sorted(set(r["Properties"].get("ManagedPolicyArns", [])) - roles)
            return {name: r for name, r in s.resources.items() if r["Type"] != "AWS::CloudFormation::Stack"}

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
        for name in ("VerifyFunction", "AccountFunction", "WebhooksFunction"):
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

    def test_cloudwatch_may_write_to_the_topic(self):
        # It may not use alias/aws/sns, whose policy nobody can change.
        self.assertNotIn("KmsMasterKeyId", stack().properties("Alarms"))


class Roles(unittest.TestCase):
    """Least privilege, function by function."""

    READ = {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:BatchGetItem"}
    WRITE = {"dynamodb:PutItem", "dynamodb:UpdateItem"}
    FORGET = {"dynamodb:BatchGetItem", "dynamodb:DeleteItem"}
    CHANGE = WRITE | {"dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"}

    MAY = {
        "VerifyFunctionRole": {
            "ControlTable": READ | CHANGE,
            "CacheTable": READ | CHANGE | {"dynamodb:BatchWriteItem"},
            "${Bucket.Arn}/lists/*": {"s3:GetObject"},
            "Bucket": {"s3:ListBucket"},
        },
        "AccountFunctionRole": {
            "ControlTable": READ | CHANGE | {"dynamodb:BatchWriteItem"},
            "CacheTable": FORGET,
            "VaultKey": {"kms:GenerateDataKey", "kms:Decrypt"},
        },
        "WebhooksFunctionRole": {
            "ControlTable": WRITE | {"dynamodb:GetItem", "dynamodb:BatchGetItem"},
            "CacheTable": FORGET,
            "VaultKey": {"kms:GenerateDataKey", "kms:Decrypt"},
        },
        "RefresherFunctionRole": {
            "${Bucket.Arn}/lists/*": {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"},
            "Bucket": {"s3:ListBucket"},
            "MissedSchedules": {"sqs:SendMessage"},
        },
        "EgressCheckFunctionRole": {
            "CacheTable": READ | WRITE,
            "MissedSchedules": {"sqs:SendMessage"},
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

    def test_data_keys_are_for_a_named_account_only(self):
        for role in ("AccountFunctionRole", "WebhooksFunctionRole"):
            statements = self.stack.properties(role)["Policies"][0]["PolicyDocument"]["Statement"]
            (vault,) = [s for s in statements if ref(s["Resource"]) == "VaultKey"]
            self.assertEqual(vault["Condition"], {"Null": {"kms:EncryptionContext:account": "false"}})


class Api(unittest.TestCase):
    def setUp(self):
        self.stack = stack()

    def test_paths_are_not_prefixed(self):
        self.assertEqual(self.stack.properties("ApiApiGatewayDefaultStage")["StageName"], "$default")

    def test_access_log_names_no_path_and_no_query(self):
        format = self.stack.properties("ApiApiGatewayDefaultStage")["AccessLogSettings"]["Format"]
        for word in ("path", "query", "header", "body"):
            self.assertNotIn(word, format.lower())
        self.assertIn("$context.requestId", format)

    def test_gateway_does_not_throttle(self):
        # An ESP's webhook that meets a gateway's 429 is lost (SNS); limits are ours to set, per key.
        settings = self.stack.properties("ApiApiGatewayDefaultStage")["DefaultRouteSettings"]
        self.assertNotIn("ThrottlingRateLimit", settings)


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
