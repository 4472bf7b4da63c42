/* SPDX-License-Identifier: MIT */
/* Memory of the host that workers are not to have: sffi_region_add. */
#ifndef SFFI_REGION_H
#define SFFI_REGION_H

#include "safeffi.h"

/* Around the zygote's clone: true takes the regions out of children, false puts them back,
 * since left out for good they would be missing in the host's own fork. */
void sffi__regions_withhold(bool);

#endif
