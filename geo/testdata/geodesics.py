#!/usr/bin/env python3
"""Writes geodesics.txt: lat1 lon1 lat2 lon2 s12 azi1 azi2 after C. F. F. Karney's own
implementation. Needs: pip install geographiclib==2.1"""
from geographiclib.geodesic import Geodesic
import random
g=Geodesic.WGS84
random.seed(1)
pts=[(40.6413,-73.7781,51.4700,-0.4543),(0,0,0,179.3),(0,0,0,179.5),(0,0,0.5,179.5),(0,0,0.5,179.7),(-30,0,29.9,179.8),(-30,0,30,179.9),
(90,0,-90,0),(0,0,0,180),(90,13,45,-20),(-90,13,45,-20),(45.07,7.68,45.4642,9.19),(-17.7,178.06,-13.8,-171.75),(89.999,0,89.999,180),(50.0155,9.0108,52.1,5.2),
(0,0,0,1e-5),(45,0,45,1e-6),(45,7,45.000001,7),(41,10,-41.2,-169.9),(5,0,0.00000000000010,179.57),(52.79,-98.1,-52.7,81.0),(-37.95103341667,144.42486788889,-37.65282113889,143.92649552778)]
for i in range(40):
    pts.append((round(random.uniform(-90,90),6),round(random.uniform(-180,180),6),round(random.uniform(-90,90),6),round(random.uniform(-180,180),6)))
for i in range(40): # near-antipodal
    a=random.uniform(-80,80);o=random.uniform(-180,180)
    pts.append((round(a,6),round(o,6),round(-a+random.uniform(-.6,.6),6),round((o+180+random.uniform(-.7,.7)+180)%360-180,6)))
for p in pts:
    r=g.Inverse(*p)
    print("%r %r %r %r %.9f %.9f %.9f"%(*p,r['s12'],r['azi1'],r['azi2']))
