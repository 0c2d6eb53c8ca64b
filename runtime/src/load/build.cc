// SPDX-FileCopyrightText: The mdeploy authors
// SPDX-License-Identifier: Apache-2.0
#include "load/build.h"

#include <algorithm>
#include <unordered_map>

#include "load/check.h"
#include "load/evaluate.h"
#include "ops/registry.h"

namespace mdeploy {
namespace {

// Results of at most so many elements are computed at load when their inputs are known: shapes may depend on them.
constexpr int64_t kSmall = 4096;

class GraphBuilder {
 public:
  GraphBuilder(const BuildOptions& options, LoadContext& context, Graph* graph)
      : options_(options), context_(context), graph_(*graph) {}

  Status build(const proto::NetDef& init, const proto::NetDef& predict) {
    MDEPLOY_TRY(check_operator_types(init, predict).with_prefix(file_prefix(options_.files.predict)));
    MDEPLOY_TRY(check_sources(init).with_prefix(net_prefix(options_.files.init, "init_net")));
    MDEPLOY_TRY(check_sources(predict).with_prefix(net_prefix(options_.files.predict, "predict_net")));
    if (predict.operators.empty()) {
      return bad_input(net_prefix(options_.files.predict, "predict_net"), "it has no operators");
    }
    graph_.name = std::string(predict.name);
    MDEPLOY_TRY(net(init, true).with_prefix(file_prefix(options_.files.init)));
    MDEPLOY_TRY(inputs(predict));
    MDEPLOY_TRY(net(predict, false).with_prefix(file_prefix(options_.files.predict)));
    MDEPLOY_TRY(outputs(predict).with_prefix(file_prefix(options_.files.predict)));
    return keep();
  }

 private:
  Status net(const proto::NetDef& net, bool is_init) {
    for (size_t i = 0; i < net.operators.size(); ++i) {
      const proto::OperatorDef& op = net.operators[i];
      MDEPLOY_TRY(
          check_operator(op).with_prefix(cat(is_init ? "init operator #" : "operator #", i, " ", op.type, ": ")));
      MDEPLOY_TRY(add(op, i, is_init));
      if (is_init && options_.release && !op.arguments.empty()) options_.release(op.arguments.back().body);
    }
    return {};
  }

  Status add(const proto::OperatorDef& op, size_t index, bool is_init) {
    const OperatorInfo* info = find_operator(op.type);
    std::vector<Value*> inputs;
    for (std::string_view name : op.inputs) {
      const auto it = blobs_.find(name);
      if (it == blobs_.end()) {
        return bad_input(
            is_init ? "init operator #" : "operator #", index, " ", op.type, ": input ", quoted(name),
            is_init ? " does not exist" : " is made by neither net, and no shape is given for it as a data input");
      }
      inputs.push_back(it->second);
    }
    std::vector<Value*> outputs;
    for (std::string_view name : op.outputs) outputs.push_back(graph_.add_value(std::string(name), {}));

    const bool nhwc = wants_nhwc(*info, op, inputs);
    Node* last = nullptr;
    if (nhwc) {
      MDEPLOY_TRY(add_nhwc(op, index, is_init, info, inputs, outputs, &last));
    } else {
      MDEPLOY_TRY(add_node(info, op.arguments, index, is_init, inputs, outputs, &last));
    }
    for (size_t i = 0; i < outputs.size(); ++i) blobs_[op.outputs[i]] = outputs[i];
    return {};
  }

  // Adds the node, infers its outputs and runs it at once where that can and should be.
  Status add_node(const OperatorInfo* info, const std::vector<proto::Argument>& arguments, size_t index, bool is_init,
                  const std::vector<Value*>& inputs, const std::vector<Value*>& outputs, Node** result) {
    Node* node = graph_.add_node(info, inputs, outputs);
    node->arguments = arguments;
    node->file_index = index;
    node->in_init_net = is_init;
    *result = node;
    OpBuilder builder(*node, context_.settings);
    info->make(builder);
    MDEPLOY_TRY(builder.status());
    int64_t elements = 0;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (i < builder.outputs().size()) outputs[i]->desc = builder.outputs()[i];
      elements += outputs[i]->desc.elements();
    }
    // Fills always run now: their values lie in the file, which is gone later.
    const bool all_known = std::all_of(inputs.begin(), inputs.end(), [](Value* v) { return v->is_constant(); });
    if (is_init || builder.is_independent_of_data() || inputs.empty() || (all_known && elements <= kSmall)) {
      MDEPLOY_TRY(evaluate(*node, context_));
      graph_.erase(node);
      graph_.sweep_last_nodes();
    }
    return {};
  }

  static bool wants_nhwc(const OperatorInfo& info, const proto::OperatorDef& op, const std::vector<Value*>& inputs) {
    const bool images = info.order == ImageOrder::kData || info.order == ImageOrder::kDataAndFilter;
    if (!images || inputs.empty() || inputs[0]->desc.shape.rank() < 3) return false;
    return std::any_of(op.arguments.begin(), op.arguments.end(),
                       [](const proto::Argument& a) { return a.name == "order" && a.s.has_value() && *a.s == "NHWC"; });
  }

  // order="NHWC": the operator between transpositions, which passes then take out where they meet.
  Status add_nhwc(const proto::OperatorDef& op, size_t index, bool is_init, const OperatorInfo* info,
                  std::vector<Value*> inputs, const std::vector<Value*>& outputs, Node** last) {
    static const OperatorInfo* to_nchw = find_operator("NHWC2NCHW");
    static const OperatorInfo* to_nhwc = find_operator("NCHW2NHWC");
    const size_t images = info->order == ImageOrder::kDataAndFilter ? 2 : 1;
    for (size_t i = 0; i < std::min(images, inputs.size()); ++i) {
      Value* plain = graph_.add_value(cat(inputs[i]->name, "_nchw"), {});
      MDEPLOY_TRY(add_node(to_nchw, {}, index, is_init, {inputs[i]}, {plain}, last));
      inputs[i] = plain;
    }
    std::vector<proto::Argument> arguments;
    for (const proto::Argument& a : op.arguments) {
      if (a.name != "order") arguments.push_back(a);
    }
    std::vector<Value*> results = outputs;
    results[0] = graph_.add_value(cat(outputs[0]->name, "_nchw"), {});
    MDEPLOY_TRY(add_node(info, arguments, index, is_init, inputs, results, last));
    return add_node(to_nhwc, {}, index, is_init, {results[0]}, {outputs[0]}, last);
  }

  // Data inputs: the external inputs that shapes are given for, in the order of the net (Predictor binds by position).
  Status inputs(const proto::NetDef& predict) {
    std::vector<InputSpec> specs = options_.inputs;
    const auto& external = predict.external_inputs;
    // By position: the external inputs that the init net does not make; where it makes dummies for all of them, the
    // first ones, as Predictor does.
    std::vector<std::string_view> positions;
    for (std::string_view name : external) {
      if (blobs_.count(name) == 0) positions.push_back(name);
    }
    if (positions.empty()) positions.assign(external.begin(), external.end());
    for (size_t i = 0; i < specs.size(); ++i) {
      InputSpec& spec = specs[i];
      if (spec.name.empty()) {
        if (i >= positions.size()) {
          return usage_error("input ", i, " has no name, and predict_net has only ", positions.size(), " inputs");
        }
        spec.name = std::string(positions[i]);
      }
      if (!external.empty() && std::find(external.begin(), external.end(), spec.name) == external.end()) {
        return usage_error("a shape is given for input ", quoted(spec.name),
                           ", which is not an external input of predict_net");
      }
      for (size_t k = 0; k < i; ++k) {
        if (specs[k].name == spec.name) return usage_error("two shapes are given for input ", quoted(spec.name));
      }
      MDEPLOY_TRY(spec.desc.shape.check().with_prefix(cat("input ", quoted(spec.name), " is ")));
    }
    if (!external.empty()) {
      std::stable_sort(specs.begin(), specs.end(), [&](const InputSpec& a, const InputSpec& b) {
        return std::find(external.begin(), external.end(), a.name) <
               std::find(external.begin(), external.end(), b.name);
      });
    }
    for (const InputSpec& spec : specs) {
      Value* value = graph_.add_value(spec.name, spec.desc);
      value->is_input = true;
      graph_.inputs.push_back(value);
      input_names_.push_back(std::make_unique<std::string>(spec.name));
      blobs_[*input_names_.back()] = value;  // over a dummy of the init net
    }
    return {};
  }

  Status outputs(const proto::NetDef& predict) {
    std::vector<std::string_view> names = predict.external_outputs;
    // Old nets may not declare any.
    if (names.empty()) names.push_back(predict.operators.back().outputs.front());
    for (std::string_view name : names) {
      const auto it = blobs_.find(name);
      if (it == blobs_.end()) {
        return bad_input("external output ", quoted(name), " is made by neither net, and no shape is given for it");
      }
      Value* value = it->second;
      if (dtype_size(value->desc.dtype) == 0) {
        return unsupported("external output ", quoted(name), " is of type ", dtype_name(value->desc.dtype));
      }
      value->is_output = true;
      graph_.outputs.push_back(value);
    }
    return {};
  }

  Status keep() {
    for (const std::string& name : options_.keep) {
      if (name == "*") {
        for (auto& [blob, value] : blobs_) value->kept = true;
        continue;
      }
      const auto it = blobs_.find(name);
      if (it == blobs_.end()) return usage_error("blob ", quoted(name), ", which is to be kept, does not exist");
      it->second->kept = true;
    }
    return {};
  }

  const BuildOptions& options_;
  LoadContext& context_;
  Graph& graph_;
  std::unordered_map<std::string_view, Value*> blobs_;     // the latest value of each blob
  std::vector<std::unique_ptr<std::string>> input_names_;  // what some keys of blobs_ point to
};

}  // namespace

std::string file_prefix(const std::string& file) { return file.empty() ? std::string() : cat(file, ": "); }

std::string net_prefix(const std::string& file, std::string_view role) {
  return file.empty() ? cat(role, ": ") : file_prefix(file);
}

Status build_graph(const proto::NetDef& init, const proto::NetDef& predict, const BuildOptions& options,
                   LoadContext& context, Graph* graph) {
  MDEPLOY_TRY(GraphBuilder(options, context, graph).build(init, predict));
  graph->sweep();
  return {};
}

}  // namespace mdeploy
