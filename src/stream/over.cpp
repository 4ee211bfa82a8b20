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
  one_ = Store(held_);
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

OverNode::Key& OverNode::find(std::string_view key) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    keys_.splice(keys_.end(), keys_, found->second);
    return *found->second;
  }
  if (by_key_.size() >= limits_.keys_max) {
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
void OverNode::forget_idle(std::int64_t watermark) {
  if (!keeps_rows_ || parts_.frame.rows || watermark == no_watermark) return;
  for (int i = 0; i < 2 && !keys_.empty(); ++i) {
    const auto& oldest = keys_.front();
    const auto newest =
        oldest.store.size() == 0 ? oldest.head : std::max(oldest.head, oldest.store.time(oldest.store.end() - 1));
    if (newest >= watermark - parts_.frame.preceding) return;
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
    forget_idle(meta.watermark);
    take_row(find(key_of(row)), row, accepted_.size(), meta, times.i64[row], arena);
    accepted_.push_back(static_cast<std::uint32_t>(row));
  }
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
    one_.clear();
    one_.insert(one_.end(), time, stored_columns_, row);
    for (const auto& one : parts_.aggregates) enter(key.state, one, one_, one_.end() - 1, false);
    answer(key, key.state, 0, 0, to, arena);
    return;
  }
  if (parts_.frame.rows) {
    by_arrival(key, row, to, time, arena);
    return;
  }
  if (!meta.ahead && time >= key.head)
    in_order(key, row, to, time, arena);
  else
    between(key, row, to, time, arena);
  trim(key, meta.watermark);
}

void OverNode::enter_all(Key& key, std::uint64_t at) {
  for (const auto& one : parts_.aggregates) enter(key.state, one, key.store, at, true);
}
void OverNode::leave_all(Key& key, std::uint64_t at) {
  for (const auto& one : parts_.aggregates) leave(key.state, one, key.store, at);
}

void OverNode::by_arrival(Key& key, std::size_t row, std::size_t to, std::int64_t time, Arena& arena) {
  key.store.insert(key.store.end(), time, stored_columns_, row);
  enter_all(key, key.end++);
  while (key.end - key.first > static_cast<std::uint64_t>(parts_.frame.preceding) + 1) leave_all(key, key.first++);
  answer(key, key.state, key.first, key.end, to, arena);
  key.store.drop_until(key.first);
}

void OverNode::in_order(Key& key, std::size_t row, std::size_t to, std::int64_t time, Arena& arena) {
  auto& store = key.store;
  store.insert(store.position_for(time), time, stored_columns_, row);
  key.head = time;
  while (key.end < store.end() && store.time(key.end) <= time) enter_all(key, key.end++);
  while (store.time(key.first) < time - parts_.frame.preceding) leave_all(key, key.first++);
  answer(key, key.state, key.first, key.end, to, arena);
}

// A row older than the newest, or ahead of the clock: its frame is counted out, the moving frame stays where it is.
void OverNode::between(Key& key, std::size_t row, std::size_t to, std::int64_t time, Arena& arena) {
  auto& store = key.store;
  const auto at = store.position_for(time);
  store.insert(at, time, stored_columns_, row);
  const bool before_head = key.head != no_watermark && time <= key.head;
  if (before_head) {
    ++key.end;
    if (time < key.head - parts_.frame.preceding) {
      ++key.first;
    } else {
      for (const auto& one : parts_.aggregates) {
        if (one.function != Function::min && one.function != Function::max) enter(key.state, one, store, at, true);
      }
    }
    rebuild_queues(key);
  }
  AggregateState own;
  start(own, parts_.aggregates, true);
  auto first = at;
  while (first > store.begin() && store.time(first - 1) >= time - parts_.frame.preceding) --first;
  for (auto i = first; i <= at; ++i) {
    for (const auto& one : parts_.aggregates) enter(own, one, store, i, true);
  }
  answer(key, own, first, at + 1, to, arena);
}

void OverNode::rebuild_queues(Key& key) {
  for (const auto& one : parts_.aggregates) {
    if (one.function != Function::min && one.function != Function::max) continue;
    key.state.queues[one.slot].clear();
    for (auto i = key.first; i < key.end; ++i) enter(key.state, one, key.store, i, true);
  }
}

void OverNode::trim(Key& key, std::int64_t watermark) {
  auto keep = key.store.begin();
  if (watermark != no_watermark) {
    while (keep < key.first && key.store.time(keep) < watermark - parts_.frame.preceding) ++keep;
  }
  const auto size = key.store.end() - keep;
  if (size > limits_.rows_max) {
    const auto cut = key.store.end() - limits_.rows_max;
    dropped_ += cut - keep;
    while (key.first < std::min(cut, key.end)) leave_all(key, key.first++);
    key.first = std::max(key.first, cut);
    key.end = std::max(key.end, key.first);
    keep = cut;
  }
  key.store.drop_until(keep);
}

void OverNode::answer(const Key& key, const AggregateState& state, std::uint64_t first, std::uint64_t end,
                      std::size_t to, Arena& arena) {
  for (std::size_t i = 0; i < parts_.aggregates.size(); ++i) {
    if (used[gathered_.size() + i]) {
      result(state, parts_.aggregates[i], key.store, first, end, keeps_rows_, results_[i], to, arena);
    }
  }
}

void OverNode::save(Buffer& to) const {
  append_varint(to, keys_.size());
  for (const auto& key : keys_) {
    append_counted(to, as_bytes(key.key));
    append_le(to, key.head);
    key.store.save(to);
    append_varint(to, key.first - key.store.begin());
    append_varint(to, key.end - key.store.begin());
    stream::save(to, key.state, parts_.aggregates, keeps_rows_);
  }
}

bool OverNode::load(Reader& from) {
  keys_.clear();
  by_key_.clear();
  const auto count = from.varint();
  if (count > from.rest().size()) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto& key = keys_.emplace_back();
    key.key = as_text(from.counted());
    key.head = from.le<std::int64_t>();
    key.store = Store(held_);
    if (!key.store.load(from)) return false;
    key.first = key.store.begin() + from.varint();
    key.end = key.store.begin() + from.varint();
    if (key.first > key.end || key.end > key.store.end()) return false;
    if (!stream::load(from, key.state, parts_.aggregates, keeps_rows_)) return false;
    if (keeps_rows_) rebuild_queues(key);
    if (!by_key_.emplace(key.key, std::prev(keys_.end())).second) return false;
  }
  return from.ok();
}

}  // namespace skerry::stream
