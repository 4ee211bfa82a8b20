// Copying single values between columns, fields of rows included.
#include "stream/column.hpp"

namespace skerry::stream {

void shape(Column& column, const Type& type) {
  column.held = type.held();
  if (column.held != Held::row) return;
  column.owned.clear();
  column.kids.clear();
  for (const auto& field : type.fields) {
    column.owned.push_back(std::make_unique<Column>());
    shape(*column.owned.back(), field.type);
    column.kids.push_back(column.owned.back().get());
  }
}

void copy_value(Column& to, std::size_t at, const Column& from, std::size_t i) {
  to.null[at] = from.null[i];
  switch (to.held) {
    case Held::i64: to.i64[at] = from.i64[i]; break;
    case Held::f64: to.f64[at] = from.f64[i]; break;
    case Held::i128: to.i128[at] = from.i128[i]; break;
    case Held::text: to.text[at] = from.text[i]; break;
    case Held::row:
      for (std::size_t k = 0; k < to.owned.size(); ++k) copy_value(*to.owned[k], at, *from.kids[k], i);
      break;
  }
}

void set_null(Column& to, std::size_t at) {
  to.null[at] = 1;
  for (auto& kid : to.owned) set_null(*kid, at);
}

}  // namespace skerry::stream
