# Puts files into a room's library: the page (web/dist, each file packed with gzip) and the API's description.

function(skerry_embed target)
  if(NOT TARGET ${target})
    return()
  endif()
  set(dist ${CMAKE_SOURCE_DIR}/web/dist)
  set(out ${CMAKE_BINARY_DIR}/embed)
  file(MAKE_DIRECTORY ${out})
  file(GLOB_RECURSE names CONFIGURE_DEPENDS RELATIVE ${dist} ${dist}/*)
  list(FILTER names EXCLUDE REGEX "\\.map$")
  set(labels "")
  set(externs "")
  set(rows "")
  set(packed "")
  set(number 0)
  macro(skerry_embed_bytes file)
    string(APPEND labels ".global skerry_embedded_${number}\nskerry_embedded_${number}:\n.incbin \"${file}\"\n.global skerry_embedded_${number}_end\nskerry_embedded_${number}_end:\n.byte 0\n")
    string(APPEND externs "extern \"C\" const char skerry_embedded_${number}[];\nextern \"C\" const char skerry_embedded_${number}_end[];\n")
  endmacro()
  foreach(name ${names})
    add_custom_command(OUTPUT ${out}/${number}.gz COMMAND gzip -9nc ${dist}/${name} > ${out}/${number}.gz DEPENDS ${dist}/${name} VERBATIM)
    list(APPEND packed ${out}/${number}.gz)
    skerry_embed_bytes(${out}/${number}.gz)
    string(APPEND rows "    {\"${name}\", bytes(skerry_embedded_${number}, skerry_embedded_${number}_end)},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  set(openapi ${CMAKE_SOURCE_DIR}/src/api/openapi.json)
  skerry_embed_bytes(${openapi})
  file(CONFIGURE OUTPUT ${out}/embedded.cpp @ONLY CONTENT [=[
// Written by cmake/embed.cmake.
#include "api/embedded.hpp"

#include <vector>

asm(R"(
.pushsection .rodata
@labels@.popsection
)");
@externs@
namespace skerry::api {
namespace {
std::string_view bytes(const char* from, const char* to) { return {from, static_cast<std::size_t>(to - from)}; }
}  // namespace

std::span<const EmbeddedFile> page_files() {
  static const std::vector<EmbeddedFile> files = {
@rows@  };
  return files;
}
std::string_view openapi_json() { return bytes(skerry_embedded_@number@, skerry_embedded_@number@_end); }

}  // namespace skerry::api
]=])
  set_source_files_properties(${out}/embedded.cpp PROPERTIES OBJECT_DEPENDS "${packed};${openapi}")
  target_sources(${target} PRIVATE ${out}/embedded.cpp)
endfunction()
