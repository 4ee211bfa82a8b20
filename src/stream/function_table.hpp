// How functions are told to the planner: a name, and what makes an expression of its arguments.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "stream/expression.hpp"

namespace skerry::stream {

using I = std::int64_t;
using Args = std::vector<ExpressionPtr>;
using Made = Result<ExpressionPtr>;
using Maker = std::function<Made(Args, const Type& returning)>;
using FunctionTable = std::map<std::string, Maker>;

Result<> need(const Args& args, std::size_t least, std::size_t most);
Result<> need_numbers(const Args& args, std::size_t least, std::size_t most);

void add_text_functions(FunctionTable& to);
void add_time_functions(FunctionTable& to);
Made floor_time(bool up, Args args, const Type& returning);

}  // namespace skerry::stream
