// Accepted = applied + declared gaps, asked when all faults are over.
#include "tests/sync/simulated.hpp"

namespace skerry::sync::simulated {

void Scenario::check_end(Gateway& gateway) {
  for (std::size_t c = 0; c < record::class_count; ++c) {
    const auto& edge = gateway.disk;
    const auto& cloud = store_.disk.streams[{std::string("gw"), edge.epoch, static_cast<Class>(c)}];
    std::uint64_t own = 0;
    for (auto offset = edge.bases[c]; offset < edge.records[c].size(); ++offset) {
      const auto& accepted = edge.records[c][offset];
      const auto row = cloud.rows.find(offset);
      const auto where = std::string(record::name(static_cast<Class>(c))) + " " + std::to_string(offset);
      const bool drops = queues_.classes[c].drop_late;
      if (const auto gap = cloud.gaps.find(offset); gap != cloud.gaps.end() && drops) {
        if (gap->second == Reason::ttl) ++late_;
      } else if (gap != cloud.gaps.end()) {
        if (gap->second == Reason::ttl) wrong("dropped, and its class does not say so: " + where);
        if (edge.fates[c][offset] == Fate::there && !gone_ever_.contains(accepted.id))
          wrong("a gap for what is there: " + where);
        if (edge.fates[c][offset] == Fate::deleted && !accepted.own && !applied_ever_.contains(accepted.id) &&
            !lost_ever_.contains(accepted.id))
          wrong("deleted, and the cloud never had it: " + where);
      } else if (accepted.own) {
        ++own;
      } else if (accepted.bad) {
        if (!cloud.aside.contains(offset)) wrong("a bad record is neither applied nor set aside: " + where);
      } else if (row == cloud.rows.end()) {
        wrong("accepted, and neither applied nor declared: " + where);
      } else if (row->second.id != accepted.id) {
        wrong("another record was applied: " + where);
      }
    }
    if (cloud.stream.counts.own != own) wrong("own records are counted wrong");
    if (cloud.stream.counts.records != cloud.rows.size()) wrong("records are counted wrong");
    if (cloud.stream.counts.all() != edge.records[c].size() - edge.bases[c]) wrong("accepted is not applied + gaps");
  }
}

}  // namespace skerry::sync::simulated
