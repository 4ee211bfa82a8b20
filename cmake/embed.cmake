# skerry_embed(TARGET LIST [GZIP] [BELOW DIR] FILES…): compiles files into TARGET as the function
# `std::span<const skerry::Embedded> skerry::embedded::LIST()`, packed with GZIP. A file is known by its name, or by its
# path below DIR. One that changes is compiled in anew.

function(skerry_embed target list)
  cmake_parse_arguments(EMBED "GZIP" "BELOW" "FILES" ${ARGN})
  if(NOT TARGET ${target})
    return()
  endif()
  set(out ${CMAKE_BINARY_DIR}/embed)
  set(table ${out}/${list}.cpp)
  set(labels "")
  set(externs "")
  set(rows "")
  set(depends "")
  set(i 0)
  foreach(file ${EMBED_FILES})
    if(EMBED_BELOW)
      file(RELATIVE_PATH name ${EMBED_BELOW} ${file})
    else()
      get_filename_component(name ${file} NAME)
    endif()
    if(EMBED_GZIP)
      file(MAKE_DIRECTORY ${out})
      set(packed ${out}/${list}.${i}.gz)
      add_custom_command(OUTPUT ${packed} COMMAND gzip -9nc ${file} > ${packed} DEPENDS ${file} VERBATIM)
      set(file ${packed})
    endif()
    list(APPEND depends ${file})
    set(symbol skerry_${list}_${i})
    string(APPEND labels ".global ${symbol}\n${symbol}:\n.incbin \"${file}\"\n.global ${symbol}_end\n${symbol}_end:\n.byte 0\n")
    string(APPEND externs "extern \"C\" const char ${symbol}[];\nextern \"C\" const char ${symbol}_end[];\n")
    string(APPEND rows "      {\"${name}\", {${symbol}, static_cast<std::size_t>(${symbol}_end - ${symbol})}},\n")
    math(EXPR i "${i} + 1")
  endforeach()
  file(CONFIGURE OUTPUT ${table} @ONLY CONTENT [=[
// Written by cmake/embed.cmake.
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
  set_source_files_properties(${table} PROPERTIES OBJECT_DEPENDS "${depends}")
  target_sources(${target} PRIVATE ${table})
endfunction()
