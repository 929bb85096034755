#include "pg/decode.h"

#include <math.h>

static const int64_t second = 1000000;
static const int64_t epoch_seconds = 946684800; /* from 1970-01-01 to 2000-01-01 */

/* Up to 2^33 seconds (the year 2242) doubles lie less than a microsecond apart, so that none is
 * lost; beyond it depends on the value. Sums of the whole microseconds may not fit 64 bits. */
bool qst__timestamp_seconds(int64_t microseconds, double *seconds_out)
{
    int64_t whole = microseconds / second;
    int64_t part = microseconds % second;
    if (part < 0) {
        part += second;
        whole--;
    }
    whole += epoch_seconds;
    const double seconds = whole < 0x1p33 && whole > -0x1p33 ? (double)(whole * second + part) / 1e6
                                                             : (double)whole + (double)part / 1e6;
    *seconds_out = seconds;
    if (fabs(seconds) < 0x1p33) {
        return true;
    }
    const double down = floor(seconds);
    const int64_t part_back = (int64_t)nearbyint((seconds - down) * 1e6);
    return (int64_t)down + part_back / second == whole && part_back % second == part;
}
