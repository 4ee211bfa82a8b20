# skerry_embed_list(TARGET LIST FILE…): compiles files into TARGET as `std::span<const skerry::Embedded> skerry::embedded::LIST()`.
# Each is known by its name without folders. A file that changes is compiled in anew.

function(skerry_embed_list target list)
  if(NOT TARGET ${target})
    return()
  endif()
  set(table ${CMAKE_BINARY_DIR}/embed/${list}.cpp)
  set(labels "")
  set(externs "")
  set(rows "")
  set(i 0)
  foreach(file ${ARGN})
    get_filename_component(name ${file} NAME)
    set(symbol skerry_${list}_${i})
    string(APPEND labels ".global ${symbol}\n${symbol}:\n.incbin \"${file}\"\n.global ${symbol}_end\n${symbol}_end:\n.byte 0\n")
    string(APPEND externs "extern \"C\" const char ${symbol}[];\nextern \"C\" const char ${symbol}_end[];\n")
    string(APPEND rows "      {\"${name}\", {${symbol}, static_cast<std::size_t>(${symbol}_end - ${symbol})}},\n")
    math(EXPR i "${i} + 1")
  endforeach()
  file(CONFIGURE OUTPUT ${table} @ONLY CONTENT [=[
// Written by cmake/embed_list.cmake.
#include "base/embedded.hpp"

#include <vector>

asm(R"(
.pushsection .rodata
@labels@.popsection
)");
@externs@
namespace skerry::embedded {
std::span<const Embedded> @list@();
std::span<const Embedded> @list@() {
  static const std::vector<Embedded> all = {
@rows@  };
  return all;
}
}  // namespace skerry::embedded
]=])
  set_source_files_properties(${table} PROPERTIES OBJECT_DEPENDS "${ARGN}")
  target_sources(${target} PRIVATE ${table})
endfunction()
