/* Where a line of Python an event is too much: noting what happens to a cache, and putting an entry into a memory tier.

   In: tapes, entries and dicts that Python made. Out: the same rows and the same order of eviction as `record/noting.py`,
   `record/known.py` and `cache/memory/stock.py` give without this module, which is optional. */

#include "_lock.h"
#include "_store.h"

static PyMethodDef functions[] = {
    {"event_columns", event_columns, METH_VARARGS,
     PyDoc_STR("event_columns($module, keys, sizes, batches, text_of, kind_of, size_of, seconds_of, /)\n--\n\n"
               "Return the columns of entries and events; see `perflab.record.known`.")},
    {"use_entries", use_entries, METH_VARARGS,
     PyDoc_STR("use_entries($module, entry, plain, never, /)\n--\n\n"
               "Know the class of the entries; of most the facts are `plain`, and the end is `never`.")},
    {NULL, NULL, 0, NULL},
};

/* Sort the arguments of a call by the names of the parameters. */
int
given_once(const char *function, const char *const *parameters, Py_ssize_t most, PyObject **given,
           PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names), place, parameter;
    if (count > most) {
        PyErr_Format(PyExc_TypeError, "%s() takes up to %zd arguments, not %zd", function, most, count);
        return -1;
    }
    for (place = 0; place < count; place++) {
        given[place] = args[place];
    }
    for (place = 0; place < named; place++) {
        PyObject *name = PyTuple_GET_ITEM(names, place);
        for (parameter = 0; parameter < most; parameter++) {
            if (PyUnicode_CompareWithASCIIString(name, parameters[parameter]) == 0) {
                break;
            }
        }
        if (parameter == most || given[parameter] != NULL) {
            PyErr_Format(PyExc_TypeError, "%s() takes each of its arguments once, and no other %R", function, name);
            return -1;
        }
        given[parameter] = args[count + place];
    }
    return 0;
}

static int
fill(PyObject *module)
{
    struct { const char *name; PyType_Spec *spec; PyTypeObject **kept; } types[] = {
        {"EventRows", &rows_spec, &rows_type}, {"Events", &events_spec, NULL}, {"FIFO", &fifo_spec, &fifo_type},
        {"LRU", &lru_spec, &lru_type}, {"S3FIFO", &s3fifo_spec, &s3fifo_type}, {"Lock", &lock_spec, &lock_type},
        {"Store", &store_spec, &store_type}, {"Stocked", &stocked_spec, NULL},
    };
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "perflab._writes is for the main interpreter; others do the same in Python");
        return -1;
    }
    if (fill_events() < 0 || fill_store() < 0 || fill_stocked() < 0) {
        return -1;
    }
    for (size_t place = 0; place < Py_ARRAY_LENGTH(types); place++) {
        PyTypeObject **kept = types[place].kept;
        /* A module that is loaded once more keeps it: there are objects of that type. */
        PyObject *type = kept != NULL && *kept != NULL ? Py_NewRef(*kept) : PyType_FromSpec(types[place].spec);
        if (type == NULL || PyModule_AddObjectRef(module, types[place].name, type) < 0) {
            Py_XDECREF(type);
            return -1;
        }
        if (kept != NULL && *kept == NULL) {
            *kept = (PyTypeObject *)Py_NewRef(type);
        }
        Py_DECREF(type);
    }
    return 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "perflab._writes",
    .m_doc = PyDoc_STR("What is done for each event of a cache and each value that is stored; optional."),
    .m_size = 0,
    .m_methods = functions,
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__writes(void)
{
    return PyModuleDef_Init(&definition);
}
