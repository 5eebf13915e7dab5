/* Where a line of Python an event is too much: noting what happens to a cache, and putting an entry into a memory tier.

   In: tapes, entries and dicts that Python made. Out: the same rows and the same order of eviction as `record/noting.py`,
   `record/known.py` and `cache/memory/stock.py` give without this module, which is optional. */

#include "_writes.h"

static PyMethodDef functions[] = {
    {"event_columns", event_columns, METH_VARARGS,
     PyDoc_STR("event_columns($module, keys, sizes, batches, text_of, kind_of, size_of, seconds_of, /)\n--\n\n"
               "Return the columns of entries and events; see `perflab.record.known`.")},
    {NULL, NULL, 0, NULL},
};

static int
fill(PyObject *module)
{
    struct { const char *name; PyType_Spec *spec; PyTypeObject **kept; } types[] = {
        {"EventRows", &rows_spec, &rows_type}, {"Events", &events_spec, NULL}, {"Store", &store_spec, NULL},
    };
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "perflab._writes is for the main interpreter; others do the same in Python");
        return -1;
    }
    if (fill_events() < 0 || fill_store() < 0) {
        return -1;
    }
    for (size_t place = 0; place < Py_ARRAY_LENGTH(types); place++) {
        PyTypeObject **kept = types[place].kept;
        /* A module that is loaded once more keeps it: there are tapes with events of that type. */
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
