"""Which element stands in which, and what is built of it (IEC 61850-6, editions 1 to 2.1)."""

from __future__ import annotations

from typing import Final

from tieline.protocols.iec61850.scl import build_communication as net
from tieline.protocols.iec61850.scl import build_control_blocks as cb
from tieline.protocols.iec61850.scl import build_ied as device
from tieline.protocols.iec61850.scl import build_substation as plant
from tieline.protocols.iec61850.scl import build_templates as types
from tieline.protocols.iec61850.scl.build_root import header, root
from tieline.protocols.iec61850.scl.xml import Builder, Schema

_ANY: dict[str, Builder | None] = {"Text": None, "Private": None}
_PLANT = {**_ANY, "LNode": plant.l_node, "PowerTransformer": plant.power_transformer, "GeneralEquipment": plant.general_equipment}
_FUNCTIONS = {"Function": plant.function, "SubFunction": plant.function}
_EQUIPMENT_FUNCTIONS = {"EqFunction": plant.function, "EqSubFunction": plant.function}
_EQUIPMENT = {**_ANY, **_EQUIPMENT_FUNCTIONS, "LNode": plant.l_node}
_CONDUCTING = {"ConductingEquipment": plant.conducting_equipment}
_INSTANCES = {**_ANY, "SDI": device.sdi, "DAI": device.dai}
_ADDRESSED = {**_ANY, "Address": net.parameters}
_NODE = {
    **_ANY,
    "DataSet": cb.data_set,
    "ReportControl": cb.report_control,
    "LogControl": cb.log_control,
    "Log": None,
    "DOI": device.doi,
    "Inputs": cb.inputs,
}
_RECEIVED = {**_ANY, "IEDName": cb.subscriber, "Protocol": None}
_SERVICES = (
    *("DynAssociation", "SettingGroups", "GetDirectory", "GetDataObjectDefinition", "DataObjectDirectory", "GetDataSetValue"),
    *(
        "SetDataSetValue",
        "DataSetDirectory",
        "ConfDataSet",
        "DynDataSet",
        "ReadWrite",
        "TimerActivatedControl",
        "ConfReportControl",
    ),
    *("GetCBValues", "ConfLogControl", "ReportSettings", "LogSettings", "GSESettings", "SMVSettings", "GSEDir", "GOOSE", "GSSE"),
    *("SMVsc", "FileHandling", "ConfLNs", "ClientServices", "ConfLdName", "SupSubscription", "ConfSigRef", "ValueHandling"),
    *("RedProt", "TimeSyncProt", "CommProt", "SCLReport", "SCLControl", "SCLGooseSubscription", "ConfLdName"),
)

SCHEMA: Final[Schema] = {
    "": {"SCL": root},
    "SCL": {
        **_ANY,
        "Header": header,
        "Substation": plant.substation,
        "Process": None,
        "Line": None,
        "Communication": net.communication,
        "IED": device.ied,
        "DataTypeTemplates": types.templates,
    },
    "Header": {**_ANY, "History": None},
    "Substation": {**_PLANT, **_FUNCTIONS, "VoltageLevel": plant.voltage_level},
    "VoltageLevel": {**_PLANT, **_FUNCTIONS, "Bay": plant.bay, "Voltage": net.quantity},
    "Bay": {**_PLANT, **_FUNCTIONS, **_CONDUCTING, "ConnectivityNode": plant.connectivity_node},
    "PowerTransformer": {**_EQUIPMENT, "TransformerWinding": plant.transformer_winding, "SubEquipment": plant.sub_equipment},
    "TransformerWinding": {
        **_EQUIPMENT,
        "Terminal": plant.terminal,
        "TapChanger": plant.tap_changer,
        "SubEquipment": plant.sub_equipment,
        "NeutralPoint": None,
    },
    "TapChanger": {**_EQUIPMENT, "SubEquipment": plant.sub_equipment},
    "ConductingEquipment": {**_EQUIPMENT, "Terminal": plant.terminal, "SubEquipment": plant.sub_equipment},
    "SubEquipment": _EQUIPMENT,
    "GeneralEquipment": _EQUIPMENT,
    "ConnectivityNode": {**_ANY, "LNode": None},
    "Terminal": _ANY,
    "LNode": _ANY,
    "Function": {**_PLANT, **_FUNCTIONS, **_CONDUCTING},
    "SubFunction": {**_PLANT, **_FUNCTIONS, **_CONDUCTING},
    "EqFunction": {**_PLANT, **_EQUIPMENT_FUNCTIONS},
    "EqSubFunction": {**_PLANT, **_EQUIPMENT_FUNCTIONS},
    "Voltage": {},
    "Communication": {**_ANY, "SubNetwork": net.sub_network},
    "SubNetwork": {**_ANY, "BitRate": net.quantity, "ConnectedAP": net.connected_ap},
    "ConnectedAP": {**_ADDRESSED, "GSE": net.multicast, "SMV": net.multicast, "PhysConn": None},
    "GSE": {**_ADDRESSED, "MinTime": net.quantity, "MaxTime": net.quantity},
    "SMV": _ADDRESSED,
    "Address": {**_ANY, "P": net.parameter},
    "P": {},
    "BitRate": {},
    "MinTime": {},
    "MaxTime": {},
    "IED": {**_ANY, "Services": device.services, "AccessPoint": device.access_point, "KDC": None},
    "AccessPoint": {
        **_ANY,
        "Server": device.server,
        "ServerAt": device.server_at,
        "LN": device.logical_node,
        "Services": None,
        "GOOSESecurity": None,
        "SMVSecurity": None,
    },
    "ServerAt": _ANY,
    "Services": {**_ANY, **dict.fromkeys(_SERVICES, device.service)},
    **{name: {**_ANY, **dict.fromkeys(("SGEdit", "ConfSG", "TimeSyncProt", "CommProt", "McSecurity"))} for name in _SERVICES},
    "Server": {**_ANY, "Authentication": device.authentication, "LDevice": device.logical_device, "Association": None},
    "Authentication": {},
    "LDevice": {**_ANY, "LN0": device.logical_node, "LN": device.logical_node, "AccessControl": None},
    "LN0": {
        **_NODE,
        "GSEControl": cb.gse_control,
        "SampledValueControl": cb.sampled_value_control,
        "SettingControl": cb.setting_control,
        "SCLControl": None,
    },
    "LN": _NODE,
    "DataSet": {**_ANY, "FCDA": cb.fcda},
    "FCDA": {},
    "ReportControl": {**_ANY, "TrgOps": cb.triggers, "OptFields": cb.optional_fields, "RptEnabled": cb.enabled},
    "LogControl": {**_ANY, "TrgOps": cb.triggers},
    "TrgOps": {},
    "OptFields": {},
    "RptEnabled": {**_ANY, "ClientLN": cb.client},
    "ClientLN": {},
    "GSEControl": _RECEIVED,
    "SampledValueControl": {**_RECEIVED, "SmvOpts": cb.sampled_value_options},
    "SmvOpts": {},
    "SettingControl": _ANY,
    "IEDName": {},
    "Inputs": {**_ANY, "ExtRef": cb.ext_ref},
    "ExtRef": _ANY,
    "DOI": _INSTANCES,
    "SDI": _INSTANCES,
    "DAI": {**_ANY, "Val": types.value},
    "Val": {},
    "DataTypeTemplates": {
        **_ANY,
        "LNodeType": types.ln_type,
        "DOType": types.do_type,
        "DAType": types.da_type,
        "EnumType": types.enum_type,
    },
    "LNodeType": {**_ANY, "DO": types.data_object},
    "DO": _ANY,
    "DOType": {**_ANY, "SDO": types.data_object, "DA": types.attribute},
    "SDO": _ANY,
    "DA": {**_ANY, "Val": types.value, "ProtNs": None},
    "DAType": {**_ANY, "BDA": types.attribute, "ProtNs": None},
    "BDA": {**_ANY, "Val": types.value},
    "EnumType": {**_ANY, "EnumVal": types.enum_value},
    "EnumVal": {},
}
TEXTS: Final = frozenset({"P", "Val", "EnumVal", "IEDName", "Voltage", "BitRate", "MinTime", "MaxTime"})
"""Elements whose text counts."""
