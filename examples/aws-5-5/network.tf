# What stands around the servers, as any Terraform user writes it: a network with a subnet in each of two zones, and a load balancer.
# Credentials come from where the SDK finds them; AWS_ENDPOINT_URL points it elsewhere than at AWS.

terraform {
  required_providers {
    aws = { source = "straddle/aws" }
  }
}

variable "ami" {
  type        = string
  description = "The image the servers start from; changing it rolls them over, batch by batch. Default: the newest Amazon Linux"
  default     = null
}

variable "instance_type" {
  type    = string
  default = "t3.micro"
}

provider "aws" {
  region = "ap-northeast-2"

  default_tags {
    tags = { Service = "web" }
  }
}

data "aws_availability_zones" "all" {
  state = "available"
}

data "aws_ami" "linux" {
  count       = var.ami == null ? 1 : 0
  most_recent = true
  owners      = ["amazon"]

  filter {
    name   = "name"
    values = ["al2023-ami-2023.*-x86_64", "amzn2-ami-hvm-*-x86_64-gp2", "amzn-ami-hvm-*-x86_64-gp2"]
  }
}

locals {
  # Letters differ between accounts, ids do not: apne2-az1 is the same building for everybody.
  letter  = zipmap(data.aws_availability_zones.all.zone_ids, data.aws_availability_zones.all.names)
  subnets = { "apne2-az1" = "10.20.1.0/24", "apne2-az3" = "10.20.3.0/24" }
  ami     = var.ami != null ? var.ami : data.aws_ami.linux[0].id
}

resource "aws_vpc" "main" {
  cidr_block           = "10.20.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = "web" }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = "web" }
}

resource "aws_route_table" "main" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = "web" }

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }
}

resource "aws_subnet" "zone" {
  for_each                = local.subnets
  vpc_id                  = aws_vpc.main.id
  cidr_block              = each.value
  availability_zone       = local.letter[each.key]
  map_public_ip_on_launch = true
  tags                    = { Name = "web-${each.key}" }
}

resource "aws_route_table_association" "zone" {
  for_each       = aws_subnet.zone
  subnet_id      = each.value.id
  route_table_id = aws_route_table.main.id
}

resource "aws_security_group" "front" {
  name        = "web-front"
  description = "Anybody to the load balancer"
  vpc_id      = aws_vpc.main.id

  ingress {
    from_port   = 80
    to_port     = 80
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "server" {
  name        = "web-server"
  description = "The load balancer to the servers"
  vpc_id      = aws_vpc.main.id

  ingress {
    from_port       = 80
    to_port         = 80
    protocol        = "tcp"
    security_groups = [aws_security_group.front.id]
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_lb" "front" {
  name            = "web-front"
  subnets         = [for subnet in aws_subnet.zone : subnet.id]
  security_groups = [aws_security_group.front.id]
}

resource "aws_lb_target_group" "web" {
  name                 = "web"
  port                 = 80
  protocol             = "HTTP"
  vpc_id               = aws_vpc.main.id
  deregistration_delay = 30

  health_check {
    path                = "/"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.front.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }
}

output "front" {
  value = "http://${aws_lb.front.dns_name}/"
}
