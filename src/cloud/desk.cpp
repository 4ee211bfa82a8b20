// Keeping, telling, showing.
#include "cloud/desk.hpp"

namespace skerry::cloud {
namespace {

bool is_askers(Code code) { return code == Code::not_found || code == Code::exists || code == Code::full; }

}  // namespace

void Desk::ask(Wish wish, http::Responder responder) const {
  const auto kept = std::make_shared<http::Responder>(std::move(responder));
  const auto work = [put = std::move(wish.put)](SqlStore& store) -> Result<Writer::Answer> {
    auto made = put(store);
    if (!made && is_askers(made.error().code)) return Writer::Answer(std::unexpected(made.error()));
    return made;
  };
  writer.ask(work, [desk = *this, kept, wish = std::move(wish)](const Writer::Answer& answer) {
    if (!answer) return kept->respond(wish.refuse(answer.error()));
    desk.look(answer->gateway);
    const bool taken = desk.worker.run([&queries = desk.queries, kept, show = wish.show, ordered = *answer] {
      auto shown = show(queries, ordered);
      kept->respond(shown ? std::move(*shown) : http::problem(shown.error()));
    });
    if (!taken) kept->respond(wish.unseen(*answer));
  });
}

}  // namespace skerry::cloud
