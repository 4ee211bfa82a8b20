// Functions of texts: characters are counted as Unicode code points, the text is UTF-8.
#include <simdjson.h>
#include <algorithm>
#include <charconv>
#include <cmath>

#include "stream/function_table.hpp"
#include "stream/lexer.hpp"

namespace skerry::stream {
namespace {

using T = std::string_view;

Result<> need_texts(Args& args, std::size_t least, std::size_t most) {
  TRY(need(args, least, most));
  for (auto& arg : args) {
    if (arg->type.kind == Kind::integer && arg->type.kind == Kind::null) continue;
    arg = TRY(make_cast(std::move(arg), type_of(Kind::string)));
  }
  return {};
}

bool starts_character(char c) { return (c & 0xc0) != 0x80; }
I characters(T text) { return std::ranges::count_if(text, starts_character); }

// Bytes before the character number `n` (from 0).
std::size_t offset_of(T text, I n) {
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    if (starts_character(text[i]) && n-- <= 0) break;
  }
  return i;
}

T substring(T text, I start, I length) {
  const I count = characters(text);
  if (start < 0) start = count + start + 1;
  if (start < 1) start = start == 0 ? 1 : start;
  if (start < 1 || length <= 0 || start > count) return {};
  const auto from = offset_of(text, start - 1);
  const auto rest = text.substr(from);
  return rest.substr(0, offset_of(rest, length));
}

template <typename F>
Maker changed(F f) {
  return [f](Args args, const Type&) -> Made {
    TRY(need_texts(args, 1, 1));
    return kernel<T, T>(
        type_of(Kind::string),
        [f](Arena& arena, T& o, T x) {
          char* to = arena.take(x.size());
          std::ranges::transform(x, to, f);
          o = {to, x.size()};
          return true;
        },
        std::move(args[0]));
  };
}

Made concat(Args args, const Type&) {
  TRY(need_texts(args, 1, 64));
  auto to = std::move(args[0]);
  for (std::size_t i = 1; i < args.size(); ++i) {
    to = kernel<T, T, T>(
        type_of(Kind::string),
        [](Arena& arena, T& o, T x, T y) {
          char* at = arena.take(x.size() + y.size());
          std::ranges::copy(x, at);
          std::ranges::copy(y, at + x.size());
          o = {at, x.size() + y.size()};
          return true;
        },
        std::move(to), std::move(args[i]));
  }
  return to;
}

// a || b: one side at least must be a text; Flink wants both to be.
Made concat_operator(Args args, const Type& returning) {
  for (const auto& arg : args) {
    if (arg->type.kind != Kind::string) {
      return fail(Code::invalid, "expected a text, found " + arg->type.text() + "; write CAST(... AS STRING)");
    }
  }
  return concat(std::move(args), returning);
}

Made substring_of(Args args, const Type&) {
  TRY(need(args, 2, 3));
  auto text = TRY(make_cast(std::move(args[0]), type_of(Kind::string)));
  auto start = TRY(make_cast(std::move(args[1]), type_of(Kind::integer)));
  auto length = args.size() > 2 ? TRY(make_cast(std::move(args[2]), type_of(Kind::integer)))
                                : make_constant(type_of(Kind::integer), INT32_MAX);
  return kernel<T, T, I, I>(
      type_of(Kind::string),
      [](Arena&, T& o, T x, I from, I count) {
        o = substring(x, from, count);
        return true;
      },
      std::move(text), std::move(start), std::move(length));
}

// Arguments: text, what to take off (characters), BOTH | LEADING | TRAILING.
Made trim(Args args, const Type&) {
  TRY(need_texts(args, 3, 3));
  T side;
  args[2]->constant_text(side);
  const bool front = side != "TRAILING";
  const bool back = side != "LEADING";
  return kernel<T, T, T>(
      type_of(Kind::string),
      [=](Arena&, T& o, T x, T what) {
        if (what.empty()) return o = x, true;
        while (front && x.starts_with(what)) x.remove_prefix(what.size());
        while (back && x.ends_with(what)) x.remove_suffix(what.size());
        o = x;
        return true;
      },
      std::move(args[0]), std::move(args[1]));
}

Maker trim_side(std::string side) {
  return [side](Args args, const Type& returning) -> Made {
    TRY(need_texts(args, 1, 1));
    for (const std::string& word : {std::string(" "), side}) {
      ast::Expr literal;
      literal.type = type_of(Kind::string);
      literal.name = word;
      args.push_back(TRY(make_literal(literal)));
    }
    return trim(std::move(args), returning);
  };
}

Made replace(Args args, const Type&) {
  TRY(need_texts(args, 3, 3));
  return kernel<T, T, T, T>(
      type_of(Kind::string),
      [](Arena& arena, T& o, T x, T from, T to) {
        if (from.empty()) return o = x, true;
        std::string made;
        std::size_t at = 0;
        for (auto hit = x.find(from); hit != T::npos; hit = x.find(from, at)) {
          made.append(x.substr(at, hit - at)).append(to);
          at = hit + from.size();
        }
        made.append(x.substr(at));
        o = arena.keep(made);
        return true;
      },
      std::move(args[0]), std::move(args[1]), std::move(args[2]));
}

Made position(Args args, const Type&) {
  TRY(need_texts(args, 2, 2));
  return kernel<I, T, T>(
      type_of(Kind::integer),
      [](Arena&, I& o, T what, T x) {
        const auto at = x.find(what);
        o = at == T::npos ? 0 : characters(x.substr(0, at)) + 1;
        return true;
      },
      std::move(args[0]), std::move(args[1]));
}

Made char_length(Args args, const Type&) {
  TRY(need_texts(args, 1, 1));
  return kernel<I, T>(
      type_of(Kind::integer),
      [](Arena&, I& o, T x) {
        o = characters(x);
        return true;
      },
      std::move(args[0]));
}

// % any text, _ one character; without recursion, so that a pattern cannot be made to take exponential time.
bool like(T text, T pattern, char escape) {
  std::size_t t = 0;
  std::size_t p = 0;
  std::size_t star = T::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    const bool escaped = p + 1 < pattern.size() && escape != '\0' && pattern[p] == escape;
    if (p < pattern.size() && !escaped && pattern[p] == '%') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && !escaped && pattern[p] == '_') {
      ++p;
      do ++t;
      while (t < text.size() && !starts_character(text[t]));
    } else if (p < pattern.size() && pattern[p + escaped] == text[t]) {
      p += 1 + escaped;
      ++t;
    } else if (star != T::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

Made like_of(Args args, const Type&) {
  TRY(need_texts(args, 2, 3));
  auto escape = std::string_view{};
  if (args.size() > 2 && (!args[2]->constant_text(escape) || escape.size() != 1)) {
    return fail(Code::invalid, "ESCAPE needs one character in quotes");
  }
  const char by = escape.empty() ? '\0' : escape[0];
  return kernel<I, T, T>(
      type_of(Kind::boolean),
      [by](Arena&, I& o, T x, T pattern) {
        o = like(x, pattern, by);
        return true;
      },
      std::move(args[0]), std::move(args[1]));
}

// A path as JSON_VALUE takes it: $.a.b[0]['c'], with `lax ` or `strict ` before it.
Result<std::vector<std::string>> json_path(T path) {
  for (const T mode : {T("lax "), T("strict ")}) {
    if (path.starts_with(mode)) path.remove_prefix(mode.size());
  }
  if (!path.starts_with('$')) return fail(Code::invalid, "a path begins with $, as in '$.a.b[0]'");
  path.remove_prefix(1);
  std::vector<std::string> steps;
  while (!path.empty()) {
    T step;
    if (path.front() == '.') {
      path.remove_prefix(1);
      step = path.substr(0, path.find_first_of(".["));
      path.remove_prefix(step.size());
    } else {
      const auto end = path.find(']');
      if (path.front() != '[' || end == T::npos) return fail(Code::invalid, "expected .name or [number] in the path");
      step = path.substr(1, end - 1);
      path.remove_prefix(end + 1);
      if (step.size() > 1 && (step.front() == '\'' || step.front() == '"'))
        step = step.substr(1, step.size() - 2);
      else if (!step.empty()) {
        steps.push_back("[" + std::string(step));
        continue;
      }
    }
    if (step.empty()) return fail(Code::invalid, "a name is missing in the path");
    steps.emplace_back(step);
  }
  return steps;
}

bool json_at(simdjson::dom::element at, const std::vector<std::string>& steps, std::string& out) {
  for (const auto& step : steps) {
    simdjson::dom::element next;
    if (step.front() == '[') {
      std::size_t index = 0;
      const auto done = std::from_chars(step.data() + 1, step.data() + step.size(), index);
      simdjson::dom::array array;
      if (done.ec != std::errc{} || at.get(array) || array.at(index).get(next)) return false;
    } else {
      simdjson::dom::object object;
      if (at.get(object) || object.at_key(step).get(next)) return false;
    }
    at = next;
  }
  T text;
  if (!at.get(text)) return out = text, true;
  if (at.is_null() || at.is_array() || at.is_object()) return false;
  out = simdjson::minify(at);
  return true;
}

Made json_value(Args args, const Type& returning) {
  TRY(need(args, 2, 2));
  T path;
  if (args[0]->type.kind != Kind::string || !args[1]->constant_text(path)) {
    return fail(Code::invalid, "expected a text and a path in quotes");
  }
  auto steps = TRY(json_path(path));
  auto parser = std::make_shared<simdjson::dom::parser>();
  auto to = kernel<T, T>(
      type_of(Kind::string),
      [steps, parser](Arena& arena, T& o, T x) {
        simdjson::dom::element root;
        std::string text;
        if (parser->parse(x.data(), x.size()).get(root) || !json_at(root, steps, text)) return false;
        o = arena.keep(text);
        return true;
      },
      std::move(args[0]));
  return returning.kind == Kind::null ? std::move(to) : make_cast(std::move(to), returning);
}

}  // namespace

void add_text_functions(FunctionTable& to) {
  to["||"] = concat_operator;
  to["CONCAT"] = concat;
  to["UPPER"] = changed([](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  to["LOWER"] = changed([](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  to["TRIM"] = trim;
  to["LTRIM"] = trim_side("LEADING");
  to["RTRIM"] = trim_side("TRAILING");
  to["SUBSTRING"] = to["SUBSTR"] = substring_of;
  to["CHAR_LENGTH"] = to["CHARACTER_LENGTH"] = char_length;
  to["REPLACE"] = replace;
  to["POSITION"] = position;
  to["LIKE"] = like_of;
  to["JSON_VALUE"] = json_value;
}

}  // namespace skerry::stream
