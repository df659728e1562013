def check(data, where, kinds, columns, fmt):
    keep=("name","kind","description","coefficients","links","sets","calibrated_ranges","not_calibrated_families","residuals","provenance")
    d={k:data[k] for k in keep if k in data}; d["not_calibrated_families"]=tuple(d["not_calibrated_families"]); return d
