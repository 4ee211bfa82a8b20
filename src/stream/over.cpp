// The window itself: rows in, rows out, and its frames.
#include "stream/over.hpp"

#include <algorithm>

namespace skerry::stream {

OverNode::OverNode(Node& input, Parts parts, OverLimits limits)
    : parts_(std::move(parts)), limits_(limits), keeps_rows_(!parts_.frame.unbounded) {
  inputs = {&input};
  table = input.table;
  for (const auto& column : parts_.stored) held_.push_back(column->type.held());
  Scope all = input.scope;
  all.insert(all.end(), parts_.results.begin(), parts_.results.end());
  take_scope(std::move(all));
  results_.resize(parts_.aggregates.size());
  for (std::size_t i = 0; i < results_.size(); ++i) shape(results_[i], parts_.aggregates[i].type);
  for (std::uint32_t i = 0; i < parts_.stored.size(); ++i) all_stored_.push_back(i);
  std::vector<bool> leaves(parts_.stored.size(), false);
  for (std::size_t i = 0; i < parts_.aggregates.size(); ++i) {
    const auto& one = parts_.aggregates[i];
    if (is_picked(one.function)) picked_.push_back(i);
    if (is_picked(one.function) || is_extreme(one.function) || one.function == Function::last_value) continue;
    if (one.input.column >= 0) leaves[static_cast<std::size_t>(one.input.column)] = true;
    if (one.input.factor >= 0) leaves[static_cast<std::size_t>(one.input.factor)] = true;
  }
  for (std::uint32_t i = 0; i < leaves.size(); ++i) {
    if (leaves[i]) leaving_.push_back(i);
  }
  gathered_.resize(input.scope.size());
  for (std::size_t i = 0; i < gathered_.size(); ++i) shape(gathered_[i], scope[i].type);
  std::size_t word = 0;
  std::size_t slot = 0;
  for (auto& one : parts_.aggregates) {
    one.word = word;
    one.slot = slot;
    word += one.words();
    slot += one.words() == 0;
  }
  gone_.shape_as(parts_.stored);
  entering_.shape_as(parts_.stored);
}

void OverNode::Scratch::shape_as(const std::vector<ExpressionPtr>& stored) {
  columns.resize(stored.size());
  for (std::size_t i = 0; i < stored.size(); ++i) shape(columns[i], stored[i]->type);
  for (const auto& column : columns) pointers.push_back(&column);
}

std::uint32_t OverNode::Scratch::add() {
  if (columns.empty() || columns[0].null.size() > rows) return rows++;
  for (auto& column : columns) column.grow(std::max<std::size_t>(64, std::size_t{rows} * 2));
  return rows++;
}

void OverNode::on_used(std::size_t column) {
  if (column < gathered_.size()) inputs[0]->mark(column);
}

void OverNode::on_active() {
  for (const auto& key : parts_.keys) mark_inputs_of(*key, *inputs[0]);
  for (const auto& column : parts_.stored) mark_inputs_of(*column, *inputs[0]);
  inputs[0]->mark(parts_.time_column);
}

std::string_view OverNode::key_of(std::size_t row) {
  if (key_columns_.size() == 1 && key_columns_[0]->held == Held::text && !key_columns_[0]->null[row]) {
    return key_columns_[0]->text[row];
  }
  key_bytes_.clear();
  append_byte(key_bytes_, 0xff);  // in no UTF-8 text
  for (const auto* column : key_columns_) save_value(key_bytes_, column->held, value_at(*column, row));
  return as_text(key_bytes_);
}

OverNode::Key& OverNode::find(std::string_view key, Arena& arena) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    keys_.splice(keys_.end(), keys_, found->second);
    return *found->second;
  }
  if (by_key_.size() >= limits_.keys_max) {
    flush(arena);  // steps know their keys' states
    by_key_.erase(keys_.front().key);
    keys_.pop_front();
    ++dropped_;
  }
  auto& made = keys_.emplace_back();
  made.key = key;
  made.store = Store(held_);
  start(made.state, parts_.aggregates, keeps_rows_);
  by_key_.emplace(made.key, std::prev(keys_.end()));
  return made;
}

// A key whose rows no row to come can see is as good as new.
void OverNode::forget_idle(std::int64_t watermark, Arena& arena) {
  if (!keeps_rows_ || parts_.frame.rows || watermark == no_watermark) return;
  for (int i = 0; i < 2 && !keys_.empty(); ++i) {
    const auto& oldest = keys_.front();
    const auto newest = oldest.store.size() == 0 ? oldest.head : std::max(oldest.head, oldest.store.newest_time());
    if (newest >= watermark - parts_.frame.preceding) return;
    flush(arena);
    by_key_.erase(oldest.key);
    keys_.pop_front();
  }
}

void OverNode::run(Arena& arena) {
  const auto& in = inputs[0]->out;
  out.rows = 0;
  if (in.rows == 0) return;
  key_columns_.clear();
  stored_columns_.clear();
  for (auto& key : parts_.keys) key_columns_.push_back(&key->evaluate(in, arena));
  for (auto& column : parts_.stored) stored_columns_.push_back(&column->evaluate(in, arena));
  for (auto& column : results_) column.grow(in.rows);
  const auto& times = *in.columns[parts_.time_column];
  accepted_.clear();
  for (std::size_t row = 0; row < in.rows; ++row) {
    const auto& meta = in.meta[row];
    if (times.null[row] || times.i64[row] <= meta.watermark) {
      ++late_;
      continue;
    }
    forget_idle(meta.watermark, arena);
    take_row(find(key_of(row), arena), row, accepted_.size(), meta, times.i64[row], arena);
    accepted_.push_back(static_cast<std::uint32_t>(row));
  }
  flush(arena);
  out.rows = accepted_.size();
  out.meta = in.meta;
  const bool all = out.rows == in.rows;
  if (!all) {
    meta_.clear();
    for (const auto row : accepted_) meta_.push_back(in.meta[row]);
    out.meta = meta_.data();
  }
  for (std::size_t i = 0; i < gathered_.size(); ++i) {
    if (!used[i]) continue;
    out.columns[i] = in.columns[i];
    if (all) continue;
    gathered_[i].grow(out.rows);
    for (std::size_t k = 0; k < out.rows; ++k) copy_value(gathered_[i], k, *in.columns[i], accepted_[k]);
    out.columns[i] = &gathered_[i];
  }
  for (std::size_t i = 0; i < results_.size(); ++i) out.columns[gathered_.size() + i] = &results_[i];
}

void OverNode::take_row(Key& key, std::size_t row, std::size_t to, const RowMeta& meta, std::int64_t time,
                        Arena& arena) {
  if (!keeps_rows_) {
    steps_.push_back({&key.state, 0, 0, static_cast<std::uint32_t>(row), 0, 0, static_cast<std::uint32_t>(to)});
    return;
  }
  if (parts_.frame.rows) return by_arrival(key, row, to, time, arena);
  if (meta.ahead || time < key.head) {
    flush(arena);
    between(key, row, to, time, arena);
  } else if (key.end == key.store.end()) {
    at_end(key, row, to, time, arena);
  } else {
    flush(arena);
    in_order(key, row, to, time, arena);
  }
  trim(key, meta.watermark, arena);
}

void OverNode::leave_until(Key& key, std::uint64_t end, Step& step, Arena& arena) {
  step.gone_begin = gone_.rows;
  for (; key.first < end; ++key.first) key.store.copy(key.first, leaving_, gone_.columns, gone_.add(), arena);
  step.gone_end = gone_.rows;
  step.first = key.first;
}

void OverNode::by_arrival(Key& key, std::size_t row, std::size_t to, std::int64_t time, Arena& arena) {
  Step step{&key.state, key.end, 0, static_cast<std::uint32_t>(row), 0, 0, static_cast<std::uint32_t>(to)};
  key.store.push(time, stored_columns_, row);
  ++key.end;
  const auto most = static_cast<std::uint64_t>(parts_.frame.preceding) + 1;
  leave_until(key, std::max(key.first, key.end - std::min(key.end, most)), step, arena);
  steps_.push_back(step);
  pick(key, key.first, key.end, to, arena);
  key.store.drop_until(key.first);
}

// The usual case: the newest row of its key.
void OverNode::at_end(Key& key, std::size_t row, std::size_t to, std::int64_t time, Arena& arena) {
  Step step{&key.state, key.end, 0, static_cast<std::uint32_t>(row), 0, 0, static_cast<std::uint32_t>(to)};
  key.store.push(time, stored_columns_, row);
  key.head = time;
  ++key.end;
  auto first = key.first;
  while (key.store.time(first) < time - parts_.frame.preceding) ++first;
  leave_until(key, first, step, arena);
  steps_.push_back(step);
  pick(key, key.first, key.end, to, arena);
}

// Newest, too, but rows that were ahead of the clock stand behind it, and some may enter now.
void OverNode::in_order(Key& key, std::size_t row, std::size_t to, std::int64_t time, Arena& arena) {
  auto& store = key.store;
  store.insert(store.position_for(time), time, stored_columns_, row);
  key.head = time;
  auto first = key.first;
  while (store.time(first) < time - parts_.frame.preceding) ++first;
  Step leaving{&key.state};
  leaving.enters = false;
  const auto end = store.position_for(time);
  // One that was ahead may be too old already when its time has come: it enters and leaves again.
  const auto entered = std::min(first, end);
  if (entered > key.end) {
    enter(key, key.state, key.end, entered, no_result, Which::all, arena);
    key.end = entered;
  }
  leave_until(key, first, leaving, arena);
  steps_.push_back(leaving);
  flush(arena);
  enter(key, key.state, key.end, end, static_cast<std::uint32_t>(to), Which::all, arena);
  key.end = end;
  pick(key, key.first, key.end, to, arena);
}

// A row older than the newest, or ahead of the clock: its frame is counted out, the moving frame stays where it is.
void OverNode::between(Key& key, std::size_t row, std::size_t to, std::int64_t time, Arena& arena) {
  auto& store = key.store;
  const auto at = store.position_for(time);
  store.insert(at, time, stored_columns_, row);
  if (key.head != no_watermark && time <= key.head) {
    ++key.end;
    if (time < key.head - parts_.frame.preceding)
      ++key.first;
    else
      enter(key, key.state, at, at + 1, no_result, Which::not_extremes, arena);
    rebuild_queues(key, arena);
  }
  AggregateState own;
  start(own, parts_.aggregates, true);
  auto first = at;
  while (first > store.begin() && store.time(first - 1) >= time - parts_.frame.preceding) --first;
  enter(key, own, first, at + 1, static_cast<std::uint32_t>(to), Which::all, arena);
  pick(key, first, at + 1, to, arena);
}

void OverNode::enter(const Key& key, AggregateState& state, std::uint64_t first, std::uint64_t end, std::uint32_t to,
                     Which which, Arena& arena) {
  constexpr std::uint64_t at_once = 256;
  while (first < end) {
    entering_.rows = 0;
    std::vector<Step> steps;
    for (const auto until = std::min(end, first + at_once); first < until; ++first) {
      const auto row = entering_.add();
      key.store.copy(first, all_stored_, entering_.columns, row, arena);
      steps.push_back({&state, first, 0, row, 0, 0, first + 1 == end ? to : no_result});
    }
    apply_all({steps, entering_.pointers, gone_.pointers, keeps_rows_}, which, arena);
  }
}

void OverNode::rebuild_queues(Key& key, Arena& arena) {
  for (auto& queue : key.state.queues) queue.clear();
  enter(key, key.state, key.first, key.end, no_result, Which::extremes, arena);
}

void OverNode::trim(Key& key, std::int64_t watermark, Arena& arena) {
  auto keep = key.store.begin();
  if (watermark != no_watermark) {
    while (keep < key.first && key.store.oldest_time() < watermark - parts_.frame.preceding) {
      keep = std::min(key.first, key.store.oldest_end());
      key.store.drop_until(keep);
    }
  }
  const auto size = key.store.end() - keep;
  if (size > limits_.rows_max) {
    const auto cut = key.store.end() - limits_.rows_max;
    dropped_ += cut - keep;
    Step leaving{&key.state};
    leaving.enters = false;
    leave_until(key, std::min(std::max(cut, key.first), key.end), leaving, arena);
    leaving.first = key.first = std::max(key.first, cut);
    steps_.push_back(leaving);
    key.end = std::max(key.end, key.first);
    keep = cut;
  }
  key.store.drop_until(keep);
}

// FIRST_VALUE and LAG.
void OverNode::pick(const Key& key, std::uint64_t first, std::uint64_t end, std::size_t to, Arena& arena) {
  for (const auto i : picked_) {
    const auto& one = parts_.aggregates[i];
    const auto column = static_cast<std::size_t>(one.input.column);
    const auto back = static_cast<std::uint64_t>(one.offset) + 1;
    auto& results = results_[i];
    if (one.function == Function::first_value)
      key.store.copy(first, column, results, to, arena);
    else if (end - first >= back)
      key.store.copy(end - back, column, results, to, arena);
    else if (one.fallback >= 0)
      key.store.copy(end - 1, static_cast<std::size_t>(one.fallback), results, to, arena);
    else
      set_null(results, to);
  }
}

void OverNode::apply_all(const Moves& moves, Which which, Arena& arena) {
  for (std::size_t i = 0; i < parts_.aggregates.size(); ++i) {
    const auto& one = parts_.aggregates[i];
    if (which != Which::all && is_extreme(one.function) != (which == Which::extremes)) continue;
    if (used[gathered_.size() + i]) apply(one, moves, results_[i], arena);
  }
}

void OverNode::flush(Arena& arena) {
  if (!steps_.empty()) apply_all({steps_, stored_columns_, gone_.pointers, keeps_rows_}, Which::all, arena);
  steps_.clear();
  gone_.rows = 0;
}

// A first byte 0, which as a number of keys would have nothing behind it, tells format 2 from 1.
void OverNode::save(log::SavedState& to) const {
  append_byte(to.open(), 0);
  append_varint(to.open(), keys_.size());
  for (const auto& key : keys_) {
    append_counted(to.open(), as_bytes(key.key));
    append_le(to.open(), key.head);
    key.store.save(to);
    append_varint(to.open(), key.store.begin() - key.store.first_kept());
    append_varint(to.open(), key.first - key.store.first_kept());
    append_varint(to.open(), key.end - key.store.first_kept());
    stream::save(to.open(), key.state, parts_.aggregates, keeps_rows_);
  }
}

std::uint64_t OverNode::kept_rows() const {
  std::uint64_t rows = 0;
  for (const auto& key : keys_) rows += key.store.size();
  return rows;
}

bool OverNode::load(Reader& from) {
  keys_.clear();
  by_key_.clear();
  auto count = from.varint();
  const bool format_1 = count != 0 || from.rest().empty();
  if (!format_1) count = from.varint();
  if (count > from.rest().size()) return false;
  Arena arena;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto& key = keys_.emplace_back();
    key.key = as_text(from.counted());
    key.head = from.le<std::int64_t>();
    key.store = Store(held_);
    if (!(format_1 ? key.store.load_v1(from) : key.store.load(from))) return false;
    if (!format_1) {
      const auto begin = from.varint();
      if (begin > key.store.end()) return false;
      key.store.drop_until(begin);
    }
    key.first = from.varint();
    key.end = from.varint();
    if (key.first < key.store.begin() || key.first > key.end || key.end > key.store.end()) return false;
    if (!stream::load(from, key.state, parts_.aggregates, keeps_rows_)) return false;
    if (keeps_rows_) rebuild_queues(key, arena);
    arena.reset();
    if (!by_key_.emplace(key.key, std::prev(keys_.end())).second) return false;
  }
  return from.ok();
}

}  // namespace skerry::stream
