// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
//
// The convolutions of the nets that the runtime is tuned for, in the order in which they run.
#ifndef MDEPLOY_BENCHMARKS_KERNELS_NET_CONVS_H_
#define MDEPLOY_BENCHMARKS_KERNELS_NET_CONVS_H_

#include <string>
#include <vector>

#include "kernels/conv.h"

namespace mdeploy {

struct NetConv {
  std::string name;  // "stage3.2.radix"
  ConvShape shape;
};

// "basic" and "bottleneck" (resnest50_cifar at 32x32), "resnest50", and torchvision's "resnet18", "resnet50" and
// "mobilenet_v2" (224x224). Empty for another name.
std::vector<NetConv> net_convs(const std::string& net);

}  // namespace mdeploy

#endif  // MDEPLOY_BENCHMARKS_KERNELS_NET_CONVS_H_
