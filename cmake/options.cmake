# Compiler and linker options that hold for every target, in one place.
add_compile_options(-Wall -Wextra -Werror -Wno-missing-field-initializers)
add_compile_definitions(BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_REGEX)

if(LEPUS_SANITIZER STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # Accesses to an empty optional, past a span's end, …
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  add_link_options(-fsanitize=address,undefined)
elseif(LEPUS_SANITIZER STREQUAL "thread")
  # GCC does not instrument fences, and says so; Asio's are paired with atomics that it does see.
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -Wno-tsan)
  add_link_options(-fsanitize=thread)
endif()

find_program(LEPUS_CCACHE ccache)
if(LEPUS_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${LEPUS_CCACHE})
endif()
find_program(LEPUS_MOLD mold)
if(LEPUS_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# lepus_library(NAME [libraries…]): the layer's library from the .cc files of its own folder.
function(lepus_library name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  if(sources)
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${ARGN})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${ARGN})
  endif()
endfunction()
