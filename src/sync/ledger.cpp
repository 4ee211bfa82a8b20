// Joining, proving one history, and applying once.
#include "sync/ledger.hpp"

namespace skerry::sync {
namespace {

StreamName stream_name(std::string_view gateway, std::uint64_t epoch, std::size_t c) {
  return {gateway, epoch, static_cast<Class>(c)};
}

}  // namespace

Result<Outcome> Ledger::refuse(std::string_view gateway, std::uint64_t epoch, Refusal reason, std::string why) {
  TRY(store_.put_refusal(gateway, epoch, reason, why));
  return Outcome{.refused = Refuse{reason, is_final(reason) ? std::uint64_t{60} : std::uint64_t{1}, std::move(why)}};
}

Result<Outcome> Ledger::run(const Job& job) {
  if (const auto* each = std::get_if<JoinJob>(&job)) return join(each->hello);
  if (const auto* each = std::get_if<ProveJob>(&job)) return prove(*each);
  if (const auto* each = std::get_if<BatchJob>(&job)) return batch(*each);
  if (const auto* each = std::get_if<GapJob>(&job)) return gap(*each);
  if (const auto* each = std::get_if<ItemsJob>(&job)) return items(*each);
  if (const auto* each = std::get_if<AnswerJob>(&job)) return answer(*each);
  const auto& refused = std::get<RefusedJob>(job);
  return refuse(refused.gateway, refused.epoch, refused.refuse.reason, refused.refuse.why);
}

Result<Outcome> Ledger::join(const Hello& hello) {
  if (hello.version_least > version_max || hello.version_most < version_min) {
    return refuse(hello.gateway, hello.epoch, Refusal::version,
                  "this cloud speaks version " + std::to_string(version_min) + " to " + std::to_string(version_max));
  }
  if (TRY(store_.is_fenced(hello.gateway, hello.epoch)))
    return refuse(hello.gateway, hello.epoch, Refusal::fenced,
                  "a newer epoch of this gateway is known: it was set up anew since, or another has its id");
  const auto standing = TRY(store_.standing(hello.gateway));
  const bool known = standing && standing->epoch == hello.epoch;
  if (known && standing->bases != hello.bases)
    return refuse(hello.gateway, hello.epoch, Refusal::diverged, "this epoch began elsewhere");
  Outcome outcome{.of = Outcome::Of::join};
  for (std::size_t c = 0; c < record::class_count; ++c) {
    outcome.applied[c] = Intervals(hello.bases[c]);
    if (!known) continue;
    outcome.applied[c] = TRY(store_.stream(stream_name(hello.gateway, hello.epoch, c), hello.bases[c])).applied;
    if (outcome.applied[c].end() <= hello.ends[c]) continue;
    return refuse(hello.gateway, hello.epoch, Refusal::restored,
                  "of class " + std::string(record::name(static_cast<Class>(c))) + " offsets to " +
                      std::to_string(outcome.applied[c].end()) + " were applied, and the gateway has only to " +
                      std::to_string(hello.ends[c]) +
                      ": it was restored from an older state. `skerry sync new-epoch` lets it go on");
  }
  return outcome;
}

Result<Outcome> Ledger::prove(const ProveJob& job) {
  auto outcome = TRY(join(job.hello));  // another connection may have joined meanwhile …
  if (outcome.refused) return outcome;
  const auto& hello = job.hello;
  if (outcome.applied != job.welcomed)  // … or an older one of this gateway has applied what was on the way
    return refuse(hello.gateway, hello.epoch, Refusal::superseded, "the same gateway applied something meanwhile");
  for (std::size_t c = 0; c < record::class_count; ++c) {
    const auto& applied = outcome.applied[c].all();
    const auto& shown = job.proof.fingerprints[c];
    if (shown.size() != applied.size())
      return refuse(hello.gateway, hello.epoch, Refusal::malformed, "PROOF: not one fingerprint for each stretch");
    for (std::size_t i = 0; i < applied.size(); ++i) {
      if (shown[i] == acknowledged_fingerprint || applied[i].fingerprint == shown[i]) continue;
      return refuse(hello.gateway, hello.epoch, Refusal::diverged,
                    "offset " + std::to_string(applied[i].to - 1) + " of class " +
                        std::string(record::name(static_cast<Class>(c))) +
                        (shown[i] == unknown_fingerprint ? " is gone at the gateway and it does not remember it"
                                                         : " is another record at the gateway") +
                        ": a clone, or restored from an older state. `skerry sync new-epoch` lets it go on");
    }
  }
  const auto standing = TRY(store_.standing(hello.gateway));
  outcome.of = Outcome::Of::prove;
  outcome.session = (standing ? standing->session : 0) + 1;
  TRY(store_.put_standing(hello.gateway, hello.software,
                          {.epoch = hello.epoch, .session = outcome.session, .bases = hello.bases}));
  return outcome;
}

Result<std::optional<Outcome>> Ledger::stale(std::string_view gateway, std::uint64_t epoch, std::uint64_t session,
                                             Standing& standing) {
  const auto found = TRY(store_.standing(gateway));
  if (found && found->epoch == epoch && found->session == session) {
    standing = *found;
    return std::nullopt;
  }
  return TRY(refuse(gateway, epoch, Refusal::superseded, "the same gateway has connected anew"));
}

// What BATCH and GAP share: where the offsets belong, `keep` for each part of them that is new, and the marks.
template <typename F, typename Keep>
Result<Outcome> Ledger::apply(const Connected& from, const F& f, std::string_view what, Keep keep) {
  Standing standing;
  if (auto refused = TRY(stale(from.gateway, from.epoch, from.session, standing))) return std::move(*refused);
  const auto c = static_cast<std::size_t>(f.cls);
  const StreamName name{from.gateway, from.epoch, f.cls};
  auto stream = TRY(store_.stream(name, standing.bases[c]));
  const auto end = f.from + f.count;
  if (!stream.applied.accepts(f.lane, f.from, end))
    return refuse(from.gateway, from.epoch, Refusal::order,
                  std::string(what) + " at offset " + std::to_string(f.from) + ", where nothing goes on");
  Outcome outcome{.cls = f.cls};
  for (const auto& part : stream.applied.missing(f.from, end)) {
    TRY(keep(name, part, stream.counts));
    outcome.taken += part.to - part.from;
  }
  outcome.repeated = f.count - outcome.taken;
  if (outcome.taken > 0) {
    stream.applied.add({f.from, end, f.fingerprint});
    INVARIANT(stream.applied.count() == stream.counts.all());
    TRY(store_.put_stream(name, stream));
  }
  outcome.applied[c] = std::move(stream.applied);
  return outcome;
}

Result<Outcome> Ledger::batch(const BatchJob& job) {
  const auto& batch = job.batch;
  const auto keep = [&](const StreamName& name, const Interval& part, Applied& counts) -> Result<> {
    std::uint64_t entries = 0;
    std::uint64_t aside = 0;
    for (const auto& entry : batch.entries) {
      if (entry.record.offset.value < part.from || entry.record.offset.value >= part.to) continue;
      ++entries;
      if (entry.wrong == nullptr) continue;
      TRY(store_.put_aside(name, entry));
      ++aside;
    }
    aside += TRY(store_.put_records(name, batch, part.from, part.to));
    INVARIANT(aside <= entries);
    counts.records += entries - aside;
    counts.aside += aside;
    counts.own += part.to - part.from - entries;
    return {};
  };
  return apply({job.gateway, job.epoch, job.session}, batch, "a batch", keep);
}

Result<Outcome> Ledger::gap(const GapJob& job) {
  const auto& gap = job.gap;
  const auto keep = [&](const StreamName& name, const Interval& part, Applied& counts) -> Result<> {
    counts.gaps[static_cast<std::size_t>(gap.reason)] += part.to - part.from;
    return store_.put_gap(name, part.from, part.to, gap.reason);
  };
  return apply({job.gateway, job.epoch, job.session}, gap, "a gap", keep);
}

Result<Outcome> Ledger::items(const ItemsJob& job) {
  Standing standing;
  if (auto refused = TRY(stale(job.gateway, job.epoch, job.session, standing))) return std::move(*refused);
  return Outcome{.of = Outcome::Of::items,
                 .items = TRY(store_.take_items({job.gateway, job.epoch, job.session, job.version}, job.max))};
}

// An answer counts whatever has connected since: it says what is on the gateway's disk.
Result<Outcome> Ledger::answer(const AnswerJob& job) {
  TRY(store_.put_answer({job.gateway, job.epoch, job.session}, job.answer));
  return Outcome{.of = Outcome::Of::answer};
}

}  // namespace skerry::sync
