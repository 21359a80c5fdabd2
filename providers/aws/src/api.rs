//! Every call this provider makes, once: the name, the permission it needs, whether it changes anything. The policy document of the
//! examples is made from this list, and calls go out only by way of it.

/// An AWS service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Service {
    /// EC2: instances, templates, networks.
    Ec2,
    /// Elastic Load Balancing, version 2.
    Elb,
    /// Auto Scaling groups.
    AutoScaling,
    /// Route 53.
    Route53,
    /// Security Token Service.
    Sts,
    /// Service Quotas.
    Quotas,
    /// Zonal shifts of the Application Recovery Controller.
    ZonalShift,
}

impl Service {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Service::Ec2 => "EC2",
            Service::Elb => "ELB",
            Service::AutoScaling => "Auto Scaling",
            Service::Route53 => "Route 53",
            Service::Sts => "STS",
            Service::Quotas => "Service Quotas",
            Service::ZonalShift => "ARC zonal shift",
        }
    }
}

/// One call of an API.
#[derive(PartialEq, Eq, Debug)]
pub struct Api {
    /// The service.
    pub service: Service,
    /// The call's name.
    pub name: &'static str,
    /// The permission it needs.
    pub permission: &'static str,
    /// Whether it changes anything.
    pub changes: bool,
}

macro_rules! apis {
    ($($id:ident = $service:ident $name:literal $permission:literal $changes:literal;)*) => {
        $(
            #[doc = concat!("`", $permission, "`")]
            pub static $id: Api =
                Api { service: Service::$service, name: $name, permission: $permission, changes: $changes };
        )*
        /// All of them.
        pub static ALL: &[&Api] = &[$(&$id),*];
    };
}

apis! {
    RUN_INSTANCES = Ec2 "RunInstances" "ec2:RunInstances" true;
    TERMINATE_INSTANCES = Ec2 "TerminateInstances" "ec2:TerminateInstances" true;
    START_INSTANCES = Ec2 "StartInstances" "ec2:StartInstances" true;
    STOP_INSTANCES = Ec2 "StopInstances" "ec2:StopInstances" true;
    MODIFY_INSTANCE_ATTRIBUTE = Ec2 "ModifyInstanceAttribute" "ec2:ModifyInstanceAttribute" true;
    MODIFY_INSTANCE_METADATA = Ec2 "ModifyInstanceMetadataOptions" "ec2:ModifyInstanceMetadataOptions" true;
    MONITOR_INSTANCES = Ec2 "MonitorInstances" "ec2:MonitorInstances" true;
    UNMONITOR_INSTANCES = Ec2 "UnmonitorInstances" "ec2:UnmonitorInstances" true;
    ASSOCIATE_PROFILE = Ec2 "AssociateIamInstanceProfile" "ec2:AssociateIamInstanceProfile" true;
    REPLACE_PROFILE = Ec2 "ReplaceIamInstanceProfileAssociation" "ec2:ReplaceIamInstanceProfileAssociation" true;
    DISASSOCIATE_PROFILE = Ec2 "DisassociateIamInstanceProfile" "ec2:DisassociateIamInstanceProfile" true;
    DESCRIBE_PROFILES = Ec2 "DescribeIamInstanceProfileAssociations" "ec2:DescribeIamInstanceProfileAssociations" false;
    MODIFY_VOLUME = Ec2 "ModifyVolume" "ec2:ModifyVolume" true;
    DESCRIBE_INSTANCES = Ec2 "DescribeInstances" "ec2:DescribeInstances" false;
    DESCRIBE_INSTANCE_ATTRIBUTE = Ec2 "DescribeInstanceAttribute" "ec2:DescribeInstanceAttribute" false;
    DESCRIBE_INSTANCE_STATUS = Ec2 "DescribeInstanceStatus" "ec2:DescribeInstanceStatus" false;
    DESCRIBE_INSTANCE_TYPES = Ec2 "DescribeInstanceTypes" "ec2:DescribeInstanceTypes" false;
    DESCRIBE_VOLUMES = Ec2 "DescribeVolumes" "ec2:DescribeVolumes" false;
    DESCRIBE_TAGS = Ec2 "DescribeTags" "ec2:DescribeTags" false;
    CREATE_TAGS = Ec2 "CreateTags" "ec2:CreateTags" true;
    DELETE_TAGS = Ec2 "DeleteTags" "ec2:DeleteTags" true;
    DESCRIBE_ZONES = Ec2 "DescribeAvailabilityZones" "ec2:DescribeAvailabilityZones" false;
    DESCRIBE_IMAGES = Ec2 "DescribeImages" "ec2:DescribeImages" false;
    DESCRIBE_RESERVATIONS = Ec2 "DescribeCapacityReservations" "ec2:DescribeCapacityReservations" false;
    CREATE_TEMPLATE = Ec2 "CreateLaunchTemplate" "ec2:CreateLaunchTemplate" true;
    CREATE_TEMPLATE_VERSION = Ec2 "CreateLaunchTemplateVersion" "ec2:CreateLaunchTemplateVersion" true;
    MODIFY_TEMPLATE = Ec2 "ModifyLaunchTemplate" "ec2:ModifyLaunchTemplate" true;
    DELETE_TEMPLATE = Ec2 "DeleteLaunchTemplate" "ec2:DeleteLaunchTemplate" true;
    DESCRIBE_TEMPLATES = Ec2 "DescribeLaunchTemplates" "ec2:DescribeLaunchTemplates" false;
    DESCRIBE_TEMPLATE_VERSIONS = Ec2 "DescribeLaunchTemplateVersions" "ec2:DescribeLaunchTemplateVersions" false;
    CREATE_SECURITY_GROUP = Ec2 "CreateSecurityGroup" "ec2:CreateSecurityGroup" true;
    DELETE_SECURITY_GROUP = Ec2 "DeleteSecurityGroup" "ec2:DeleteSecurityGroup" true;
    DESCRIBE_SECURITY_GROUPS = Ec2 "DescribeSecurityGroups" "ec2:DescribeSecurityGroups" false;
    AUTHORIZE_INGRESS = Ec2 "AuthorizeSecurityGroupIngress" "ec2:AuthorizeSecurityGroupIngress" true;
    AUTHORIZE_EGRESS = Ec2 "AuthorizeSecurityGroupEgress" "ec2:AuthorizeSecurityGroupEgress" true;
    REVOKE_INGRESS = Ec2 "RevokeSecurityGroupIngress" "ec2:RevokeSecurityGroupIngress" true;
    REVOKE_EGRESS = Ec2 "RevokeSecurityGroupEgress" "ec2:RevokeSecurityGroupEgress" true;
    DESCRIBE_GROUP_RULES = Ec2 "DescribeSecurityGroupRules" "ec2:DescribeSecurityGroupRules" false;
    MODIFY_GROUP_RULES = Ec2 "ModifySecurityGroupRules" "ec2:ModifySecurityGroupRules" true;
    DESCRIBE_INGRESS_AS = Ec2 "UpdateSecurityGroupRuleDescriptionsIngress" "ec2:UpdateSecurityGroupRuleDescriptionsIngress" true;
    DESCRIBE_EGRESS_AS = Ec2 "UpdateSecurityGroupRuleDescriptionsEgress" "ec2:UpdateSecurityGroupRuleDescriptionsEgress" true;
    ALLOCATE_ADDRESS = Ec2 "AllocateAddress" "ec2:AllocateAddress" true;
    RELEASE_ADDRESS = Ec2 "ReleaseAddress" "ec2:ReleaseAddress" true;
    ASSOCIATE_ADDRESS = Ec2 "AssociateAddress" "ec2:AssociateAddress" true;
    DISASSOCIATE_ADDRESS = Ec2 "DisassociateAddress" "ec2:DisassociateAddress" true;
    DESCRIBE_ADDRESSES = Ec2 "DescribeAddresses" "ec2:DescribeAddresses" false;
    CREATE_NAT = Ec2 "CreateNatGateway" "ec2:CreateNatGateway" true;
    DELETE_NAT = Ec2 "DeleteNatGateway" "ec2:DeleteNatGateway" true;
    DESCRIBE_NATS = Ec2 "DescribeNatGateways" "ec2:DescribeNatGateways" false;
    CREATE_VPC = Ec2 "CreateVpc" "ec2:CreateVpc" true;
    DELETE_VPC = Ec2 "DeleteVpc" "ec2:DeleteVpc" true;
    MODIFY_VPC = Ec2 "ModifyVpcAttribute" "ec2:ModifyVpcAttribute" true;
    DESCRIBE_VPCS = Ec2 "DescribeVpcs" "ec2:DescribeVpcs" false;
    DESCRIBE_VPC_ATTRIBUTE = Ec2 "DescribeVpcAttribute" "ec2:DescribeVpcAttribute" false;
    CREATE_SUBNET = Ec2 "CreateSubnet" "ec2:CreateSubnet" true;
    DELETE_SUBNET = Ec2 "DeleteSubnet" "ec2:DeleteSubnet" true;
    MODIFY_SUBNET = Ec2 "ModifySubnetAttribute" "ec2:ModifySubnetAttribute" true;
    DESCRIBE_SUBNETS = Ec2 "DescribeSubnets" "ec2:DescribeSubnets" false;
    CREATE_GATEWAY = Ec2 "CreateInternetGateway" "ec2:CreateInternetGateway" true;
    DELETE_GATEWAY = Ec2 "DeleteInternetGateway" "ec2:DeleteInternetGateway" true;
    ATTACH_GATEWAY = Ec2 "AttachInternetGateway" "ec2:AttachInternetGateway" true;
    DETACH_GATEWAY = Ec2 "DetachInternetGateway" "ec2:DetachInternetGateway" true;
    DESCRIBE_GATEWAYS = Ec2 "DescribeInternetGateways" "ec2:DescribeInternetGateways" false;
    CREATE_ROUTE_TABLE = Ec2 "CreateRouteTable" "ec2:CreateRouteTable" true;
    DELETE_ROUTE_TABLE = Ec2 "DeleteRouteTable" "ec2:DeleteRouteTable" true;
    DESCRIBE_ROUTE_TABLES = Ec2 "DescribeRouteTables" "ec2:DescribeRouteTables" false;
    CREATE_ROUTE = Ec2 "CreateRoute" "ec2:CreateRoute" true;
    REPLACE_ROUTE = Ec2 "ReplaceRoute" "ec2:ReplaceRoute" true;
    DELETE_ROUTE = Ec2 "DeleteRoute" "ec2:DeleteRoute" true;
    ASSOCIATE_ROUTE_TABLE = Ec2 "AssociateRouteTable" "ec2:AssociateRouteTable" true;
    DISASSOCIATE_ROUTE_TABLE = Ec2 "DisassociateRouteTable" "ec2:DisassociateRouteTable" true;
    CREATE_BALANCER = Elb "CreateLoadBalancer" "elasticloadbalancing:CreateLoadBalancer" true;
    DELETE_BALANCER = Elb "DeleteLoadBalancer" "elasticloadbalancing:DeleteLoadBalancer" true;
    DESCRIBE_BALANCERS = Elb "DescribeLoadBalancers" "elasticloadbalancing:DescribeLoadBalancers" false;
    MODIFY_BALANCER = Elb "ModifyLoadBalancerAttributes" "elasticloadbalancing:ModifyLoadBalancerAttributes" true;
    DESCRIBE_BALANCER_ATTRIBUTES = Elb "DescribeLoadBalancerAttributes" "elasticloadbalancing:DescribeLoadBalancerAttributes" false;
    SET_SUBNETS = Elb "SetSubnets" "elasticloadbalancing:SetSubnets" true;
    SET_SECURITY_GROUPS = Elb "SetSecurityGroups" "elasticloadbalancing:SetSecurityGroups" true;
    CREATE_LISTENER = Elb "CreateListener" "elasticloadbalancing:CreateListener" true;
    MODIFY_LISTENER = Elb "ModifyListener" "elasticloadbalancing:ModifyListener" true;
    DELETE_LISTENER = Elb "DeleteListener" "elasticloadbalancing:DeleteListener" true;
    DESCRIBE_LISTENERS = Elb "DescribeListeners" "elasticloadbalancing:DescribeListeners" false;
    CREATE_RULE = Elb "CreateRule" "elasticloadbalancing:CreateRule" true;
    MODIFY_RULE = Elb "ModifyRule" "elasticloadbalancing:ModifyRule" true;
    SET_PRIORITIES = Elb "SetRulePriorities" "elasticloadbalancing:SetRulePriorities" true;
    DELETE_RULE = Elb "DeleteRule" "elasticloadbalancing:DeleteRule" true;
    DESCRIBE_RULES = Elb "DescribeRules" "elasticloadbalancing:DescribeRules" false;
    CREATE_TARGET_GROUP = Elb "CreateTargetGroup" "elasticloadbalancing:CreateTargetGroup" true;
    MODIFY_TARGET_GROUP = Elb "ModifyTargetGroup" "elasticloadbalancing:ModifyTargetGroup" true;
    MODIFY_TARGET_GROUP_ATTRIBUTES = Elb "ModifyTargetGroupAttributes" "elasticloadbalancing:ModifyTargetGroupAttributes" true;
    DELETE_TARGET_GROUP = Elb "DeleteTargetGroup" "elasticloadbalancing:DeleteTargetGroup" true;
    DESCRIBE_TARGET_GROUPS = Elb "DescribeTargetGroups" "elasticloadbalancing:DescribeTargetGroups" false;
    DESCRIBE_TARGET_GROUP_ATTRIBUTES = Elb "DescribeTargetGroupAttributes" "elasticloadbalancing:DescribeTargetGroupAttributes" false;
    REGISTER_TARGETS = Elb "RegisterTargets" "elasticloadbalancing:RegisterTargets" true;
    DEREGISTER_TARGETS = Elb "DeregisterTargets" "elasticloadbalancing:DeregisterTargets" true;
    DESCRIBE_TARGET_HEALTH = Elb "DescribeTargetHealth" "elasticloadbalancing:DescribeTargetHealth" false;
    ELB_ADD_TAGS = Elb "AddTags" "elasticloadbalancing:AddTags" true;
    ELB_REMOVE_TAGS = Elb "RemoveTags" "elasticloadbalancing:RemoveTags" true;
    ELB_DESCRIBE_TAGS = Elb "DescribeTags" "elasticloadbalancing:DescribeTags" false;
    CREATE_GROUP = AutoScaling "CreateAutoScalingGroup" "autoscaling:CreateAutoScalingGroup" true;
    UPDATE_GROUP = AutoScaling "UpdateAutoScalingGroup" "autoscaling:UpdateAutoScalingGroup" true;
    DELETE_GROUP = AutoScaling "DeleteAutoScalingGroup" "autoscaling:DeleteAutoScalingGroup" true;
    DESCRIBE_GROUPS = AutoScaling "DescribeAutoScalingGroups" "autoscaling:DescribeAutoScalingGroups" false;
    ATTACH_TARGET_GROUPS = AutoScaling "AttachLoadBalancerTargetGroups" "autoscaling:AttachLoadBalancerTargetGroups" true;
    DETACH_TARGET_GROUPS = AutoScaling "DetachLoadBalancerTargetGroups" "autoscaling:DetachLoadBalancerTargetGroups" true;
    SUSPEND_PROCESSES = AutoScaling "SuspendProcesses" "autoscaling:SuspendProcesses" true;
    RESUME_PROCESSES = AutoScaling "ResumeProcesses" "autoscaling:ResumeProcesses" true;
    GROUP_TAGS = AutoScaling "CreateOrUpdateTags" "autoscaling:CreateOrUpdateTags" true;
    GROUP_DELETE_TAGS = AutoScaling "DeleteTags" "autoscaling:DeleteTags" true;
    CHANGE_RECORDS = Route53 "ChangeResourceRecordSets" "route53:ChangeResourceRecordSets" true;
    LIST_RECORDS = Route53 "ListResourceRecordSets" "route53:ListResourceRecordSets" false;
    GET_ZONE = Route53 "GetHostedZone" "route53:GetHostedZone" false;
    CREATE_HEALTH_CHECK = Route53 "CreateHealthCheck" "route53:CreateHealthCheck" true;
    UPDATE_HEALTH_CHECK = Route53 "UpdateHealthCheck" "route53:UpdateHealthCheck" true;
    DELETE_HEALTH_CHECK = Route53 "DeleteHealthCheck" "route53:DeleteHealthCheck" true;
    GET_HEALTH_CHECK = Route53 "GetHealthCheck" "route53:GetHealthCheck" false;
    LIST_HEALTH_CHECKS = Route53 "ListHealthChecks" "route53:ListHealthChecks" false;
    CHANGE_DNS_TAGS = Route53 "ChangeTagsForResource" "route53:ChangeTagsForResource" true;
    LIST_DNS_TAGS = Route53 "ListTagsForResource" "route53:ListTagsForResource" false;
    GET_CALLER = Sts "GetCallerIdentity" "sts:GetCallerIdentity" false;
    DECODE = Sts "DecodeAuthorizationMessage" "sts:DecodeAuthorizationMessage" false;
    GET_QUOTA = Quotas "GetServiceQuota" "servicequotas:GetServiceQuota" false;
    LIST_SHIFTS = ZonalShift "ListZonalShifts" "arc-zonal-shift:ListZonalShifts" false;
}
